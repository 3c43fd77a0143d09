/// @file
/// Decoding of text that may be anything. Names in models are bytes; only here do they become characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace modelaudit::utf8 {

/// One step through a text.
struct Decoded {
  char32_t point = 0;      ///< the character; for an invalid byte, that byte
  std::size_t length = 1;  ///< bytes taken
  bool valid = false;
};

/// The character that starts at `at` (at < text.size()). Strict as RFC 3629: no overlong forms, no surrogates, nothing
/// above U+10FFFF. An invalid sequence takes one byte.
Decoded decode(std::string_view text, std::size_t at) noexcept;

bool is_valid(std::string_view text) noexcept;

}  // namespace modelaudit::utf8
