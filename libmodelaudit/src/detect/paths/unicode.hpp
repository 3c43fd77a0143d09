/// @file
/// UTF-8, no more of it than names and templates need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelaudit::detect {

/// A decoded code point; `length` 0 stands for bytes that are not UTF-8 (overlong forms and surrogates included).
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};

/// The code point at `at` (at < text.size()).
CodePoint decode_utf8(std::string_view text, std::size_t at) noexcept;
bool is_utf8(std::string_view text) noexcept;
/// Appends a code point; anything that is none (surrogates, above U+10FFFF) becomes U+FFFD.
void append_utf8(std::string& out, std::uint32_t code_point);

/// Bidirectional controls, zero-width and tag characters: they make text read other than it is. `previous` is the code
/// point before (joiners are ordinary between letters of some scripts, tags after a flag), 0 at the start.
bool is_deceptive(std::uint32_t code_point, std::uint32_t previous) noexcept;

/// ASCII only; the locale plays no part.
constexpr char ascii_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
std::string ascii_lower(std::string_view text);

}  // namespace modelaudit::detect
