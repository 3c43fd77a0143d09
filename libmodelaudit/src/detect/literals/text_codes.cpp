#include "detect/literals/text_codes.hpp"

#include <algorithm>

namespace modelaudit::detect {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint8_t k_none = 255;

constexpr std::array<std::uint8_t, 256> values_of(std::string_view alphabet) {
  std::array<std::uint8_t, 256> out{};
  out.fill(k_none);
  for (std::size_t i = 0; i < alphabet.size(); ++i) out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return out;
}

constexpr std::array<std::uint8_t, 256> base64_values() {
  auto out = values_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  out['-'] = 62;
  out['_'] = 63;
  return out;
}

constexpr std::array<std::uint8_t, 256> hex_values() {
  auto out = values_of("0123456789abcdef");
  for (std::uint8_t i = 0; i < 6; ++i) out[static_cast<std::size_t>('A' + i)] = static_cast<std::uint8_t>(10 + i);
  return out;
}

constexpr std::array<std::uint8_t, 256> base32_values() {
  auto out = values_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
  for (std::uint8_t i = 0; i < 26; ++i) out[static_cast<std::size_t>('a' + i)] = i;
  return out;
}

bool is_blank(std::uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Groups of bits, most significant first. `strict`: stop at what is neither in the alphabet nor a blank.
Bytes decode_bits(ByteView text, const std::array<std::uint8_t, 256>& values, unsigned width, bool strict, std::uint64_t most) {
  Bytes out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (std::uint64_t i = 0; i < text.size() && out.size() < most; ++i) {
    const std::uint8_t value = values[text[i]];
    if (value == k_none) {
      if (text[i] == '=' || (strict && !is_blank(text[i]))) break;
      continue;
    }
    bits = (bits << width) | value;
    held += width;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<std::byte>(bits >> held));
    }
  }
  return out;
}

/// Five characters are four bytes, base 85.
Bytes decode_base85(ByteView text, bool adobe, std::uint64_t most) {
  Bytes out;
  std::uint64_t word = 0;
  unsigned held = 0;
  const auto flush = [&](unsigned chars) {
    for (unsigned i = chars; i < 5; ++i) word = word * 85 + 84;
    for (unsigned i = 0; i + 1 < chars; ++i) out.push_back(static_cast<std::byte>(word >> (24 - 8 * i)));
    word = 0;
    held = 0;
  };
  for (std::uint64_t i = adobe && text.starts_with("<~") ? 2 : 0; i < text.size() && out.size() < most; ++i) {
    const std::uint8_t c = text[i];
    if (adobe && held == 0 && c == 'z') {
      out.insert(out.end(), 4, std::byte{0});
      continue;
    }
    if (is_blank(c)) continue;
    const std::uint8_t value = adobe ? (c >= 33 && c <= 117 ? static_cast<std::uint8_t>(c - 33) : k_none) : k_base85_values[c];
    if (value == k_none) break;
    word = word * 85 + value;
    if (++held == 5) {
      if (word > 0xffffffffU) return out;
      flush(5);
    }
  }
  if (held > 1) flush(held);
  return out;
}

/// Lines of a length character and groups of four; a first line "begin 644 name" is passed over.
Bytes decode_uu(ByteView text, std::uint64_t most) {
  Bytes out;
  std::uint64_t at = 0;
  if (text.starts_with("begin ")) at = text.find("\n").value_or(text.size() - 1) + 1;
  while (at < text.size() && out.size() < most) {
    if (text.from(at).starts_with("end")) break;
    const std::uint8_t lead = text[at++];
    if (lead < 32 || lead > 96) break;
    std::uint64_t wanted = (lead - 32) & 63;
    if (wanted == 0) break;
    while (wanted > 0) {
      std::uint32_t group = 0;
      for (unsigned i = 0; i < 4; ++i) {
        const std::uint8_t c = at < text.size() && text[at] != '\n' ? text[at++] : ' ';
        if (c < 32 || c > 96) return out;
        group = (group << 6) | ((c - 32U) & 63U);
      }
      for (unsigned i = 0; i < 3 && wanted > 0; ++i, --wanted) out.push_back(static_cast<std::byte>(group >> (16 - 8 * i)));
      if (at >= text.size()) break;
    }
    while (at < text.size() && (text[at] == '\n' || text[at] == '\r')) ++at;
  }
  return out;
}

/// Text in which some bytes stand as `prefix` and two hex digits; empty when there is none of these.
Bytes decode_escapes(ByteView text, std::string_view prefix, std::uint64_t most) {
  Bytes out;
  bool any = false;
  for (std::uint64_t i = 0; i < text.size() && out.size() < most; ++i) {
    if (text.has(i, prefix) && text.size() - i >= prefix.size() + 2) {
      const std::uint8_t high = k_hex_values[text[i + prefix.size()]];
      const std::uint8_t low = k_hex_values[text[i + prefix.size() + 1]];
      if (high != k_none && low != k_none) {
        out.push_back(static_cast<std::byte>(high * 16 + low));
        i += prefix.size() + 1;
        any = true;
        continue;
      }
      if (prefix == "=" && text[i + 1] == '\n') {  // soft line break
        ++i;
        continue;
      }
    }
    if (prefix == "\\x" && text.has(i, "\\n")) {
      out.push_back(std::byte{'\n'});
      ++i;
      continue;
    }
    out.push_back(static_cast<std::byte>(text[i]));
  }
  if (!any) out.clear();
  return out;
}

/// UTF-8 of characters below 256; empty when no character needs it.
Bytes decode_latin1(ByteView text, std::uint64_t most) {
  Bytes out;
  bool any = false;
  for (std::uint64_t i = 0; i < text.size() && out.size() < most; ++i) {
    const std::uint8_t c = text[i];
    if (c < 0x80) {
      out.push_back(static_cast<std::byte>(c));
      continue;
    }
    if ((c != 0xc2 && c != 0xc3) || i + 1 >= text.size() || (text[i + 1] & 0xc0) != 0x80) break;
    out.push_back(static_cast<std::byte>(((c & 3) << 6) | (text[++i] & 0x3f)));
    any = true;
  }
  if (!any) out.clear();
  return out;
}

/// What follows the comma of a data: URL; everything otherwise.
ByteView without_url(ByteView text) {
  if (!text.starts_with("data:")) return text;
  const auto mark = text.first(256).find("base64,");
  return mark ? text.from(*mark + 7) : text;
}

ByteView without_hex_prefix(ByteView text) {
  return text.starts_with("0x") || text.starts_with("0X") ? text.from(2) : text;
}

}  // namespace

constinit const std::array<std::uint8_t, 256> k_base64_values = base64_values();
constinit const std::array<std::uint8_t, 256> k_hex_values = hex_values();
constinit const std::array<std::uint8_t, 256> k_base32_values = base32_values();
constinit const std::array<std::uint8_t, 256> k_base85_values =
    values_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~");

std::string_view to_string(TextCode code) noexcept {
  switch (code) {
    case TextCode::latin1: return "latin-1 text";
    case TextCode::base64: return "base64";
    case TextCode::hex: return "hex";
    case TextCode::base85: return "base85";
    case TextCode::ascii85: return "ascii85";
    case TextCode::base32: return "base32";
    case TextCode::uuencode: return "uuencode";
    case TextCode::escapes: return "escapes";
    case TextCode::percent: return "percent-encoding";
    case TextCode::quoted: return "quoted-printable";
    case TextCode::reversed: return "reversed";
  }
  return "unknown";
}

Bytes decode_text(TextCode code, ByteView text, std::uint64_t most) {
  switch (code) {
    case TextCode::latin1: return decode_latin1(text, most);
    // Python's decoder passes over characters that are not in the alphabet.
    case TextCode::base64: return decode_bits(without_url(text), k_base64_values, 6, false, most);
    case TextCode::hex: return decode_bits(without_hex_prefix(text), k_hex_values, 4, true, most);
    case TextCode::base85: return decode_base85(text, false, most);
    case TextCode::ascii85: return decode_base85(text, true, most);
    case TextCode::base32: return decode_bits(text, k_base32_values, 5, true, most);
    case TextCode::uuencode: return decode_uu(text, most);
    case TextCode::escapes: return decode_escapes(text, "\\x", most);
    case TextCode::percent: return decode_escapes(text, "%", most);
    case TextCode::quoted: return decode_escapes(text, "=", most);
    case TextCode::reversed: {
      const auto bytes = text.span();
      Bytes out(bytes.rbegin(), bytes.rend());
      out.resize(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), most)));
      return out;
    }
  }
  return {};
}

}  // namespace modelaudit::detect
