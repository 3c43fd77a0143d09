#include "formats/numpy/literal.hpp"

#include "modelaudit/error.hpp"

namespace modelaudit::formats::npy_layout {
namespace {

bool is_space(std::uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_digit(std::uint8_t c) { return c >= '0' && c <= '9'; }

// Value of a hexadecimal digit; 16 for anything else.
std::uint32_t digit_value(std::uint8_t c) {
  if (is_digit(c)) return c - '0';
  const std::uint8_t lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10u : 16u;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xE0 | (c >> 12));
    } else {
      put(0xF0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3F));
    }
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

}  // namespace

void LiteralReader::refuse(const char* what) const { throw_malformed(Errc::malformed, offset(), what); }

std::uint8_t LiteralReader::take() {
  if (pos_ >= text_.size()) refuse("npy: header ends early");
  return text_[pos_++];
}

char LiteralReader::peek() {
  while (pos_ < text_.size() && is_space(text_[pos_])) ++pos_;
  return pos_ < text_.size() ? static_cast<char>(text_[pos_]) : '\0';
}

bool LiteralReader::accept(char c) {
  if (peek() != c || pos_ >= text_.size()) return false;
  ++pos_;
  return true;
}

void LiteralReader::expect(char c, const char* what) {
  if (!accept(c)) refuse(what);
}

std::string LiteralReader::string() {
  const char first = peek();
  if (first == 'u' || first == 'b') ++pos_;
  const std::uint8_t quote = take();
  if (quote != '\'' && quote != '"') refuse("npy: header is not a plain literal");
  std::string out;
  for (;;) {
    const std::uint8_t c = take();
    if (c == quote) break;
    if (c == '\n') refuse("npy: string in the header is not closed");
    if (c == '\\') {
      append_escape(out);
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  // '' '' would be one string to Python, '''x''' another kind of quotes.
  if (peek() == '\'' || peek() == '"') refuse("npy: header is not a plain literal");
  return out;
}

// Python language reference, 2.4.1.1 "Escape sequences".
void LiteralReader::append_escape(std::string& out) {
  const std::uint8_t c = take();
  switch (c) {
    case '\n': return;
    case '\\':
    case '\'':
    case '"': out.push_back(static_cast<char>(c)); return;
    case 'a': out.push_back('\a'); return;
    case 'b': out.push_back('\b'); return;
    case 'f': out.push_back('\f'); return;
    case 'n': out.push_back('\n'); return;
    case 'r': out.push_back('\r'); return;
    case 't': out.push_back('\t'); return;
    case 'v': out.push_back('\v'); return;
    case 'x': return append_utf8(out, take_digits(2, 16));
    case 'u': return append_utf8(out, take_digits(4, 16));
    case 'U': return append_utf8(out, take_digits(8, 16));
    case 'N': refuse("npy: header names a character");
    default: break;
  }
  if (digit_value(c) < 8) {
    std::uint32_t value = digit_value(c);
    for (int i = 0; i < 2 && pos_ < text_.size() && digit_value(text_[pos_]) < 8; ++i) value = value * 8 + digit_value(text_[pos_++]);
    return append_utf8(out, value);
  }
  out.push_back('\\');
  out.push_back(static_cast<char>(c));
}

std::uint32_t LiteralReader::take_digits(int count, std::uint32_t base) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint32_t digit = digit_value(take());
    if (digit >= base) refuse("npy: broken escape in the header");
    value = value * base + digit;
  }
  if (value > 0x10FFFF) refuse("npy: broken escape in the header");
  return value;
}

LiteralReader::Integer LiteralReader::integer() {
  Integer out;
  out.negative = accept('-');
  if (!is_digit(static_cast<std::uint8_t>(peek()))) refuse("npy: number expected in the header");
  out.magnitude = 0;
  while (pos_ < text_.size() && is_digit(text_[pos_])) {
    if (out.magnitude) out.magnitude = checked_mul(*out.magnitude, 10);
    if (out.magnitude) out.magnitude = checked_add(*out.magnitude, text_[pos_] - std::uint64_t{'0'});
    ++pos_;
  }
  if (pos_ < text_.size() && text_[pos_] == 'L') ++pos_;
  return out;
}

std::string_view LiteralReader::word() {
  (void)peek();
  const std::uint64_t begin = pos_;
  while (pos_ < text_.size() && ((text_[pos_] | 0x20) >= 'a' && (text_[pos_] | 0x20) <= 'z')) ++pos_;
  return text_.clip(begin, pos_ - begin).text();
}

bool LiteralReader::boolean() {
  const std::string_view text = word();
  if (text != "True" && text != "False") refuse("npy: True or False expected in the header");
  return text == "True";
}

}  // namespace modelaudit::formats::npy_layout
