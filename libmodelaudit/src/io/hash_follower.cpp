#include "io/hash_follower.hpp"

#include "io/range_digest.hpp"

namespace modelaudit::io {
namespace {

constexpr std::uint64_t k_stop = std::uint64_t{1} << 63;

}  // namespace

HashFollower::HashFollower(std::span<const std::byte> mapping)
    : mapping_(mapping), pieces_(mapping.size() / k_digest_piece), thread_([this] { follow(); }) {}

HashFollower::~HashFollower() { (void)finish(); }

void HashFollower::advance_to(std::uint64_t end) noexcept {
  const std::uint64_t pieces = end / k_digest_piece;
  if (pieces == ready_.load(std::memory_order_relaxed)) return;
  ready_.store(pieces, std::memory_order_release);
  ready_.notify_one();
}

std::span<const Digest> HashFollower::finish() noexcept {
  const std::uint64_t ready = ready_.load(std::memory_order_relaxed) & ~k_stop;
  if (thread_.joinable()) {
    ready_.store(ready | k_stop, std::memory_order_release);
    ready_.notify_one();
    hash_up_to(ready);
    thread_.join();
  }
  return std::span(pieces_).first(ready);
}

void HashFollower::follow() noexcept {
  while (true) {
    const std::uint64_t now = ready_.load(std::memory_order_acquire);
    hash_up_to(now & ~k_stop);
    if ((now & k_stop) != 0) return;
    ready_.wait(now, std::memory_order_acquire);
  }
}

void HashFollower::hash_up_to(std::uint64_t end) noexcept {
  std::uint64_t piece = next_.load(std::memory_order_relaxed);
  while (piece < end) {
    if (!next_.compare_exchange_weak(piece, piece + 1, std::memory_order_relaxed)) continue;
    pieces_[piece] = sha256(mapping_.subspan(piece * k_digest_piece, k_digest_piece));
    piece = next_.load(std::memory_order_relaxed);
  }
}

}  // namespace modelaudit::io
