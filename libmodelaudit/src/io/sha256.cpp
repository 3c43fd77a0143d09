// The low-level calls on purpose: the first use of OpenSSL's EVP interface initialises the whole library (1 to 1.7 ms,
// measured), these cost nothing and use the same machine code. They are only marked as deprecated since 3.0.
#define OPENSSL_API_COMPAT 10100
#include "io/sha256.hpp"

#include <array>

namespace modelaudit::io {
namespace {

constexpr std::size_t k_block = 64;  // bytes of SHA-256's input block, RFC 2104 "B"

std::array<std::byte, k_block> padded(const Digest& key, std::uint8_t with) {
  std::array<std::byte, k_block> block;
  for (std::size_t i = 0; i < k_block; ++i) {
    block[i] = static_cast<std::byte>((i < key.size() ? key[i] : 0) ^ with);
  }
  return block;
}

}  // namespace

Sha256::Sha256() { SHA256_Init(&state_); }

void Sha256::update(std::span<const std::byte> bytes) { SHA256_Update(&state_, bytes.data(), bytes.size()); }

Digest Sha256::finish() {
  Digest digest;
  SHA256_Final(digest.data(), &state_);
  return digest;
}

Digest sha256(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest hmac_sha256(const Digest& key, std::span<const std::byte> bytes) {
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

FieldHasher& FieldHasher::number(std::uint64_t value) {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
  hash_.update(bytes);
  return *this;
}

FieldHasher& FieldHasher::text(std::string_view value) {
  number(std::uint64_t{value.size()});
  hash_.update(value);
  return *this;
}

FieldHasher& FieldHasher::digest(const Digest& value) {
  hash_.update(std::as_bytes(std::span(value)));
  return *this;
}

}  // namespace modelaudit::io
