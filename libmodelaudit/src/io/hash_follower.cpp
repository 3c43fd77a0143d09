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
  if (thread_.joinable()) {
    // What the scan is ahead by is hashed to the end: the caller would have to do it otherwise.
    ready_.fetch_add(k_stop, std::memory_order_release);
    ready_.notify_one();
    thread_.join();
  }
  return std::span(pieces_).first(done_);
}

void HashFollower::follow() noexcept {
  while (true) {
    const std::uint64_t now = ready_.load(std::memory_order_acquire);
    for (const std::uint64_t ready = now & ~k_stop; done_ < ready && done_ < pieces_.size(); ++done_) {
      pieces_[done_] = sha256(mapping_.subspan(done_ * k_digest_piece, k_digest_piece));
    }
    if ((now & k_stop) != 0) return;
    ready_.wait(now, std::memory_order_acquire);
  }
}

}  // namespace modelaudit::io
