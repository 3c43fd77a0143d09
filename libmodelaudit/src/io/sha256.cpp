#include "io/sha256.hpp"

#include <algorithm>
#include <bit>

#include "io/sha256_blocks.hpp"

namespace modelaudit::io {
namespace {

constexpr std::size_t k_block = 64;  // bytes of SHA-256's input block, RFC 2104 "B"
constexpr Sha256State k_initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

std::uint32_t word(std::span<const std::byte> bytes) noexcept {
  return std::to_integer<std::uint32_t>(bytes[0]) << 24 | std::to_integer<std::uint32_t>(bytes[1]) << 16 |
         std::to_integer<std::uint32_t>(bytes[2]) << 8 | std::to_integer<std::uint32_t>(bytes[3]);
}

void compress(Sha256State& state, std::span<const std::byte> blocks) noexcept {
  static const Sha256Blocks best =
      sha256_blocks_accelerated() != nullptr ? sha256_blocks_accelerated() : sha256_blocks_portable;
  best(state, blocks);
}

std::array<std::byte, k_block> padded(const Digest& key, std::uint8_t with) noexcept {
  std::array<std::byte, k_block> block;
  for (std::size_t i = 0; i < k_block; ++i) {
    block[i] = static_cast<std::byte>((i < key.size() ? key[i] : 0) ^ with);
  }
  return block;
}

}  // namespace

void sha256_blocks_portable(Sha256State& state, std::span<const std::byte> blocks) noexcept {
  for (; !blocks.empty(); blocks = blocks.subspan(k_block)) {
    std::array<std::uint32_t, 64> w;
    for (std::size_t t = 0; t < 16; ++t) w[t] = word(blocks.subspan(4 * t, 4));
    for (std::size_t t = 16; t < 64; ++t) {
      const std::uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
      const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t t = 0; t < 64; ++t) {
      const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + k_sha256_rounds[t] + w[t];
      const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const Sha256State more = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += more[i];
  }
}

Sha256::Sha256() noexcept : state_(k_initial) {}

void Sha256::update(std::span<const std::byte> bytes) noexcept {
  const std::size_t held = length_ % k_block;
  length_ += bytes.size();
  if (held != 0) {
    const std::size_t more = std::min(k_block - held, bytes.size());
    std::copy_n(bytes.begin(), more, block_.begin() + static_cast<std::ptrdiff_t>(held));
    bytes = bytes.subspan(more);
    if (held + more < k_block) return;
    compress(state_, block_);
  }
  const std::size_t whole = bytes.size() / k_block * k_block;
  if (whole != 0) compress(state_, bytes.first(whole));
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end(), block_.begin());
}

Digest Sha256::finish() noexcept {
  // FIPS 180-4 section 5.1.1: a one bit, zeros, the length in bits as 64 bits big-endian.
  std::array<std::byte, 2 * k_block> end{};
  const std::size_t held = length_ % k_block;
  const std::size_t size = held < k_block - 8 ? k_block : 2 * k_block;
  std::copy_n(block_.begin(), held, end.begin());
  end[held] = std::byte{0x80};
  for (std::size_t i = 0; i < 8; ++i) end[size - 1 - i] = static_cast<std::byte>(length_ << 3 >> (8 * i));
  compress(state_, std::span(end).first(size));
  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

Digest sha256(std::span<const std::byte> bytes) noexcept {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest hmac_sha256(const Digest& key, std::span<const std::byte> bytes) noexcept {
  Sha256 inner;
  inner.update(padded(key, 0x36));
  inner.update(bytes);
  const Digest middle = inner.finish();
  Sha256 outer;
  outer.update(padded(key, 0x5c));
  outer.update(std::as_bytes(std::span(middle)));
  return outer.finish();
}

bool same_digest(const Digest& a, const Digest& b) noexcept {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

FieldHasher& FieldHasher::number(std::uint64_t value) noexcept {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
  hash_.update(bytes);
  return *this;
}

FieldHasher& FieldHasher::text(std::string_view value) noexcept {
  number(std::uint64_t{value.size()});
  hash_.update(value);
  return *this;
}

FieldHasher& FieldHasher::digest(const Digest& value) noexcept {
  hash_.update(std::as_bytes(std::span(value)));
  return *this;
}

}  // namespace modelaudit::io
