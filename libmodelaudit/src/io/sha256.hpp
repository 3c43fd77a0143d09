#pragma once

#include <openssl/sha.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "modelaudit/trace.hpp"

namespace modelaudit::io {

/// SHA-256 (FIPS 180-4) of bytes handed over in pieces.
class Sha256 {
 public:
  Sha256();
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Ends the computation; the object is not used again.
  Digest finish();

 private:
  SHA256_CTX state_;
};

Digest sha256(std::span<const std::byte> bytes);

/// HMAC-SHA-256 (RFC 2104) under a key of one digest's length.
Digest hmac_sha256(const Digest& key, std::span<const std::byte> bytes);

/// True when both are equal; takes as long whatever the difference.
bool same_digest(const Digest& a, const Digest& b) noexcept;

/// Hashes a sequence of fields so that no two different sequences give the same bytes: integers little-endian in
/// eight bytes, texts behind their length.
class FieldHasher {
 public:
  /// `domain` keeps digests made for different purposes apart.
  explicit FieldHasher(std::string_view domain) { text(domain); }
  FieldHasher& number(std::uint64_t value);
  FieldHasher& number(std::int64_t value) { return number(static_cast<std::uint64_t>(value)); }
  FieldHasher& text(std::string_view value);
  FieldHasher& digest(const Digest& value);
  Digest finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

}  // namespace modelaudit::io
