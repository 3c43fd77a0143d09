#include "detect/paths/charset.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "detect/paths/composition.hpp"
#include "detect/paths/unicode.hpp"

namespace modelaudit::detect {

namespace {

// IBM code page 437, upper half (APPNOTE.TXT appendix D: names without bit 11).
constexpr std::array<std::uint16_t, 128> k_cp437{
    0x00C7, 0x00FC, 0x00E9, 0x00E2, 0x00E4, 0x00E0, 0x00E5, 0x00E7, 0x00EA, 0x00EB, 0x00E8, 0x00EF, 0x00EE, 0x00EC,
    0x00C4, 0x00C5, 0x00C9, 0x00E6, 0x00C6, 0x00F4, 0x00F6, 0x00F2, 0x00FB, 0x00F9, 0x00FF, 0x00D6, 0x00DC, 0x00A2,
    0x00A3, 0x00A5, 0x20A7, 0x0192, 0x00E1, 0x00ED, 0x00F3, 0x00FA, 0x00F1, 0x00D1, 0x00AA, 0x00BA, 0x00BF, 0x2310,
    0x00AC, 0x00BD, 0x00BC, 0x00A1, 0x00AB, 0x00BB, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556,
    0x2555, 0x2563, 0x2551, 0x2557, 0x255D, 0x255C, 0x255B, 0x2510, 0x2514, 0x2534, 0x252C, 0x251C, 0x2500, 0x253C,
    0x255E, 0x255F, 0x255A, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256C, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256B, 0x256A, 0x2518, 0x250C, 0x2588, 0x2584, 0x258C, 0x2590, 0x2580, 0x03B1, 0x00DF,
    0x0393, 0x03C0, 0x03A3, 0x03C3, 0x00B5, 0x03C4, 0x03A6, 0x0398, 0x03A9, 0x03B4, 0x221E, 0x03C6, 0x03B5, 0x2229,
    0x2261, 0x00B1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00F7, 0x2248, 0x00B0, 0x2219, 0x00B7, 0x221A, 0x207F, 0x00B2,
    0x25A0, 0x00A0};

std::string utf8_with_replacements(std::string_view raw) {
  std::string out;
  for (std::size_t at = 0; at < raw.size();) {
    const CodePoint point = decode_utf8(raw, at);
    append_utf8(out, point.length == 0 ? 0xFFFD : point.value);
    at += point.length == 0 ? 1 : point.length;
  }
  return out;
}

/// Simple case folding of the scripts that file systems fold alike: Latin, Greek, Cyrillic.
std::uint32_t fold_case(std::uint32_t c) {
  if (c < 0x80) return static_cast<std::uint8_t>(ascii_lower(static_cast<char>(c)));
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if (c >= 0x100 && c <= 0x137) return c | 1u;
  if (c >= 0x139 && c <= 0x148) return (c & 1u) != 0 ? c + 1 : c;
  if (c >= 0x14A && c <= 0x177) return c | 1u;
  if (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

void append_folded(std::string& out, std::uint32_t c) {
  const auto row = std::lower_bound(k_decompositions.begin(), k_decompositions.end(), c,
                                    [](const Decomposition& entry, std::uint32_t value) { return entry.composed < value; });
  if (row != k_decompositions.end() && row->composed == c) {
    append_utf8(out, fold_case(row->base));
    append_utf8(out, row->mark);
  } else {
    append_utf8(out, fold_case(c));
  }
}

}  // namespace

std::string decode_name(std::string_view raw, NameCharset charset, bool& undecodable) {
  undecodable = false;
  if (is_utf8(raw)) return std::string(raw);
  if (charset == NameCharset::utf8) {
    undecodable = true;
    return utf8_with_replacements(raw);
  }
  std::string out;
  for (const char c : raw) {
    const auto byte = static_cast<std::uint8_t>(c);
    append_utf8(out, byte < 0x80 || charset == NameCharset::latin1 ? byte : k_cp437[byte - 0x80]);
  }
  return out;
}

std::string collision_key(std::string_view normalised) {
  std::string out;
  const auto trim_component = [&out] {
    while (!out.empty() && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  };
  for (std::size_t at = 0; at < normalised.size();) {
    const CodePoint point = decode_utf8(normalised, at);
    if (point.length == 1 && point.value == '/') {
      trim_component();
      out.push_back('/');
    } else {
      append_folded(out, point.length == 0 ? 0xFFFD : point.value);
    }
    at += point.length == 0 ? 1 : point.length;
  }
  trim_component();
  return out;
}

}  // namespace modelaudit::detect
