/// @file
/// Text encodings of bytes, decoded as leniently as the loosest of Python's decoders.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "modelaudit/bytes.hpp"

namespace modelaudit::detect {

enum class TextCode : std::uint8_t {
  latin1,     ///< characters below 256 as bytes, in UTF-8
  base64,     ///< standard and URL-safe alphabets
  hex,
  base85,     ///< RFC 1924 alphabet, base64.b85decode
  ascii85,    ///< Adobe's, base64.a85decode
  base32,
  uuencode,
  escapes,    ///< \xHH
  percent,    ///< %HH
  quoted,     ///< quoted-printable, =HH
  reversed,   ///< last byte first
};

inline constexpr std::array<TextCode, 10> k_text_codes{TextCode::latin1,  TextCode::base64, TextCode::hex,      TextCode::base85,
                                                       TextCode::ascii85, TextCode::base32, TextCode::uuencode, TextCode::escapes,
                                                       TextCode::percent, TextCode::quoted};

std::string_view to_string(TextCode code) noexcept;

/// At most `most` decoded bytes; empty when the text is not in this code at all. Stops at the first thing that does not
/// belong there.
std::vector<std::byte> decode_text(TextCode code, ByteView text, std::uint64_t most);

/// Values of the alphabets; 255: not a character of it.
extern const std::array<std::uint8_t, 256> k_base64_values, k_hex_values, k_base85_values, k_base32_values;

}  // namespace modelaudit::detect
