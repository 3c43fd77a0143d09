#include <charconv>

#include "wire/pickle/scalars.hpp"

namespace modelaudit::wire::pickle {

namespace {

constexpr std::uint64_t k_max_digits = 4300;            ///< CPython's limit for int(text)

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18 & 7));
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

/// The `width` hex digits at `at`, or -1.
std::int64_t hex_at(std::string_view s, std::size_t at, std::size_t width) {
  if (s.size() < at + width) return -1;
  std::int64_t n = 0;
  for (std::size_t i = at; i < at + width; ++i) {
    const int d = hex_digit(s[i]);
    if (d < 0) return -1;
    n = n * 16 + d;
  }
  return n;
}

/// codecs.escape_decode: the escapes of a Python 2 string literal.
std::string unescape(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '\\' || i + 1 == s.size()) {
      out += s[i];
      continue;
    }
    const char c = s[++i];
    constexpr std::string_view k_from = "abfnrtv\\'\"";
    constexpr std::string_view k_to = "\a\b\f\n\r\t\v\\'\"";
    if (const auto at = k_from.find(c); at != std::string_view::npos) {
      out += k_to[at];
    } else if (c == 'x' && hex_at(s, i + 1, 2) >= 0) {
      out += static_cast<char>(hex_at(s, i + 1, 2));
      i += 2;
    } else if (c >= '0' && c <= '7') {
      int n = c - '0';
      for (int more = 0; more < 2 && i + 1 < s.size() && s[i + 1] >= '0' && s[i + 1] <= '7'; ++more) n = n * 8 + (s[++i] - '0');
      out += static_cast<char>(n);
    } else {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace

Value make_long(ByteView data, std::uint64_t size) noexcept {
  if (size > 8) return k_big;
  std::uint64_t n = 0;
  for (std::uint64_t i = 0; i < size; ++i) n |= static_cast<std::uint64_t>(data[i]) << (8 * i);
  if (size != 0 && size < 8 && (data[size - 1] & 0x80) != 0) n |= ~std::uint64_t{0} << (8 * size);
  return make_integer(static_cast<std::int64_t>(n));
}

std::string_view trim(std::string_view s) noexcept {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  return s;
}

Value Machine::Impl::number_line(ByteView line, bool is_long) {
  // strtol and int() with base 0: signs, 0x, 0o, 0b and underscores are legal; "00" and "01" of INT are booleans.
  std::string_view s = line.text();
  if (!is_long && s == "00") return make_bool(false);
  if (!is_long && s == "01") return make_bool(true);
  s = trim(s);
  if (is_long && s.ends_with('L')) s.remove_suffix(1);
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  int base = 10;
  if (s.size() > 1 && s[0] == '0') {
    const char kind = static_cast<char>(s[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : is_long ? 10 : 8;
    if (kind == 'x' || kind == 'o' || kind == 'b') s.remove_prefix(2);
  }
  std::string digits;
  if (s.find('_') != std::string_view::npos && s.size() <= k_max_digits) {
    for (const char c : s) {
      if (c != '_') digits += c;
    }
    s = digits;
  }
  if (s.size() > k_max_digits) {
    observer.on_anomaly(machine, Anomaly::big_number, here, s.size());
    return k_big;
  }
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n, base);
  if (error == std::errc::result_out_of_range) return k_big;
  if (error != std::errc() || end != s.data() + s.size()) {
    observer.on_anomaly(machine, Anomaly::bad_operand, here, 0);
    return {};
  }
  return make_integer(negative ? -n : n);
}

Value Machine::Impl::string_line(const Token& token) {
  std::string_view s = trim(token.data.text());
  std::uint64_t offset = token.data_offset + static_cast<std::uint64_t>(s.data() - token.data.text().data());
  if (s.size() < 2 || s.front() != s.back() || (s.front() != '\'' && s.front() != '"')) {
    observer.on_anomaly(machine, Anomaly::bad_operand, here, 0);
    return {};
  }
  s = s.substr(1, s.size() - 2);
  ++offset;
  const bool plain = s.find('\\') == std::string_view::npos;
  const std::string decoded = plain ? std::string() : unescape(s);
  const std::string_view content = plain ? s : std::string_view(decoded);
  if (content.size() >= options.min_text) report_literal(op_string, true, offset, as_view(content, offset), content.size());
  return plain ? literal(true, offset, as_view(s), s.size()) : own_text(decoded, true, false);
}

Value Machine::Impl::unicode_line(const Token& token) {
  const std::string_view s = token.data.text();
  if (s.find("\\u") == std::string_view::npos && s.find("\\U") == std::string_view::npos) {
    if (s.size() >= options.min_text) report_literal(op_unicode, true, token.data_offset, token.data, s.size());
    return literal(true, token.data_offset, token.data, s.size());
  }
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    const std::size_t width = s[i] != '\\' || i + 1 == s.size() ? 0 : s[i + 1] == 'u' ? 4 : s[i + 1] == 'U' ? 8 : 0;
    const std::int64_t c = width == 0 ? -1 : hex_at(s, i + 2, width);
    if (c < 0) {
      append_utf8(out, static_cast<std::uint8_t>(s[i]));  // raw-unicode-escape: other bytes are latin-1
      continue;
    }
    append_utf8(out, static_cast<std::uint32_t>(c));
    i += width + 1;
  }
  if (out.size() >= options.min_text) report_literal(op_unicode, true, token.data_offset, as_view(out, token.data_offset), out.size());
  return own_text(out, true, false);
}

}  // namespace modelaudit::wire::pickle
