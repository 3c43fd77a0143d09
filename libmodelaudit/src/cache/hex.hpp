#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "modelaudit/bytes.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::cache {

/// Lower-case hexadecimal.
inline std::string to_hex(ByteView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (std::uint64_t i = 0; i < bytes.size(); ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

inline std::string to_hex(const Digest& digest) { return to_hex(ByteView(std::as_bytes(std::span(digest)))); }

/// The digest behind 64 lower-case hexadecimal digits; nothing for any other text.
inline std::optional<Digest> digest_from_hex(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  Digest digest;
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = digits.find(text[2 * i]);
    const auto low = digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

}  // namespace modelaudit::cache
