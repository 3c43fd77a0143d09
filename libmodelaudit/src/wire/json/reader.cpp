#include "wire/json/reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "modelaudit/error.hpp"

namespace modelaudit::wire::json {
namespace {

// Bytes that end the fast path through a string: quote, backslash, control characters, anything beyond ASCII.
constexpr std::array<bool, 256> make_special() {
  std::array<bool, 256> special{};
  for (std::size_t i = 0; i < 256; ++i) special[i] = i < 0x20 || i == '"' || i == '\\' || i >= 0x80;
  return special;
}
constexpr std::array<bool, 256> k_special = make_special();

constexpr bool is_digit(std::uint8_t c) { return c >= '0' && c <= '9'; }

// Length of the well-formed UTF-8 sequence at `pos` (Unicode 15, table 3-7), or 0.
std::uint64_t utf8_length(ByteView v, std::uint64_t pos, std::uint64_t end) noexcept {
  const std::uint8_t lead = v[pos];
  if (lead < 0x80) return 1;
  const std::uint64_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
  if (length == 0 || length > end - pos) return 0;
  const std::uint8_t second = v[pos + 1];
  const std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return 0;
  for (std::uint64_t i = 2; i < length; ++i) {
    if ((v[pos + i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

Reader::Reader(ByteView text, Limits limits) : input_(text), limits_(limits) {
  if (input_.starts_with("\xEF\xBB\xBF")) {
    note(Quirk::byte_order_mark, 0);
    pos_ = 3;
  }
}

void Reader::refuse(const char* what) const { throw_malformed(Errc::malformed, input_.offset() + pos_, what); }

std::uint8_t Reader::byte_at(std::uint64_t pos) const {
  if (pos >= input_.size()) throw_malformed(Errc::truncated, input_.offset() + input_.size(), "json: document ends early");
  return input_[pos];
}

void Reader::note(Quirk quirk, std::uint64_t pos) noexcept {
  auto& first = quirks_[static_cast<std::size_t>(quirk)];
  if (!first) first = input_.offset() + pos;
}

void Reader::skip_space() noexcept {
  while (pos_ < input_.size()) {
    const std::uint8_t c = input_[pos_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++pos_;
  }
}

Event Reader::next() {
  if (state_ == State::done) return Event::end;
  skip_space();
  token_ = pos_;
  std::uint8_t c = byte_at(pos_);

  if (state_ == State::comma_or_end) {
    if (c == '}' || c == ']') return close(c == '}');
    if (c != ',') refuse("json: comma or end of container expected");
    ++pos_;
    skip_space();
    token_ = pos_;
    c = byte_at(pos_);
    state_ = open_.back() ? State::key : State::value;
  }
  if (state_ == State::first_key_or_end && c == '}') return close(true);
  if (state_ == State::first_value_or_end && c == ']') return close(false);
  if (state_ == State::first_key_or_end || state_ == State::key) {
    if (c != '"') refuse("json: object key expected");
    read_string();
    state_ = State::colon;
    return Event::key;
  }
  if (state_ == State::colon) {
    if (c != ':') refuse("json: colon expected");
    ++pos_;
    skip_space();
    token_ = pos_;
  }
  return read_value();
}

Event Reader::read_value() {
  const std::uint8_t c = byte_at(pos_);
  switch (c) {
    case '{':
    case '[':
      return open(c == '{');
    case '"':
      read_string();
      after_value();
      return Event::string;
    case 't':
    case 'f':
      expect_literal(c == 't' ? "true" : "false");
      return Event::boolean;
    case 'n':
      expect_literal("null");
      return Event::null;
    case 'N':
    case 'I':
      note(Quirk::non_finite, pos_);
      expect_literal(c == 'N' ? "NaN" : "Infinity");
      return Event::number;
    default:
      return read_number();
  }
}

Event Reader::open(bool object) {
  if (open_.size() >= limits_.depth) {
    throw_malformed(Errc::limit, input_.offset() + pos_, "json: nested deeper than the limit");
  }
  ++pos_;
  open_.push_back(object);
  state_ = object ? State::first_key_or_end : State::first_value_or_end;
  return object ? Event::begin_object : Event::begin_array;
}

Event Reader::close(bool object) {
  if (open_.back() != object) refuse("json: container closed by the wrong bracket");
  ++pos_;
  open_.pop_back();
  after_value();
  return object ? Event::end_object : Event::end_array;
}

std::uint32_t Reader::skip_container() {
  const std::uint32_t outer = depth();
  std::uint32_t deepest = outer;
  while (depth() >= outer) {
    next();
    deepest = std::max(deepest, depth());
  }
  return deepest;
}

void Reader::read_string() {
  const std::uint64_t begin = ++pos_;
  for (;;) {
    while (pos_ < input_.size() && !k_special[input_[pos_]]) ++pos_;
    const std::uint8_t c = byte_at(pos_);
    if (c == '"') break;
    if (c == '\\') return read_escaped_string(begin);
    if (c < 0x20) {
      note(Quirk::control_character, pos_++);
      continue;
    }
    const std::uint64_t length = utf8_length(input_, pos_, input_.size());
    if (length == 0) note(Quirk::invalid_utf8, pos_);
    pos_ += length == 0 ? 1 : length;
  }
  text_ = input_.clip(begin, pos_ - begin).text();
  ++pos_;
}

void Reader::read_escaped_string(std::uint64_t begin) {
  decoded_.assign(input_.clip(begin, pos_ - begin).text());
  for (;;) {
    const std::uint64_t plain = pos_;
    while (pos_ < input_.size() && input_[pos_] != '"' && input_[pos_] != '\\') ++pos_;
    (void)byte_at(pos_);
    if (pos_ - plain > limits_.string - std::min(limits_.string, static_cast<std::uint64_t>(decoded_.size()))) {
      throw_malformed(Errc::limit, input_.offset() + begin, "json: string longer than the limit");
    }
    check_utf8(plain, pos_);
    decoded_.append(input_.clip(plain, pos_ - plain).text());
    if (input_[pos_] == '"') break;
    ++pos_;
    append_escape();
  }
  text_ = decoded_;
  ++pos_;
}

void Reader::check_utf8(std::uint64_t begin, std::uint64_t end) noexcept {
  for (std::uint64_t i = begin; i < end;) {
    if (input_[i] < 0x20) note(Quirk::control_character, i);
    const std::uint64_t length = utf8_length(input_, i, end);
    if (length == 0) note(Quirk::invalid_utf8, i);
    i += length == 0 ? 1 : length;
  }
}

void Reader::append_escape() {
  const std::uint8_t c = byte_at(pos_++);
  switch (c) {
    case '"':
    case '\\':
    case '/':
      decoded_.push_back(static_cast<char>(c));
      return;
    case 'b': decoded_.push_back('\b'); return;
    case 'f': decoded_.push_back('\f'); return;
    case 'n': decoded_.push_back('\n'); return;
    case 'r': decoded_.push_back('\r'); return;
    case 't': decoded_.push_back('\t'); return;
    case 'u': break;
    default: refuse("json: unknown escape in a string");
  }
  const std::uint64_t at = pos_ - 2;
  const std::uint32_t unit = read_hex4();
  if (unit >= 0xD800 && unit <= 0xDBFF && input_.has(pos_, "\\u")) {
    const std::uint64_t second_at = pos_;
    pos_ += 2;
    const std::uint32_t second = read_hex4();
    if (second >= 0xDC00 && second <= 0xDFFF) {
      return append_code_point(0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00));
    }
    pos_ = second_at;  // an escape of its own
  }
  if (unit >= 0xD800 && unit <= 0xDFFF) note(Quirk::lone_surrogate, at);
  append_code_point(unit);
}

void Reader::append_code_point(std::uint32_t c) {
  const auto put = [this](std::uint32_t byte) { decoded_.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::uint32_t Reader::read_hex4() {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const std::uint8_t c = byte_at(pos_);
    const std::uint8_t lower = c | 0x20;
    if (!is_digit(c) && (lower < 'a' || lower > 'f')) refuse("json: four hexadecimal digits expected");
    value = value * 16 + (is_digit(c) ? c - '0' : lower - 'a' + 10);
    ++pos_;
  }
  return value;
}

// RFC 8259 section 6: [ minus ] int [ frac ] [ exp ]
Event Reader::read_number() {
  const std::uint64_t begin = pos_;
  const auto peek = [this] { return pos_ < input_.size() ? input_[pos_] : std::uint8_t{0}; };
  const auto digits = [&] {
    if (!is_digit(byte_at(pos_))) refuse("json: value expected");
    while (is_digit(peek())) ++pos_;
  };
  if (byte_at(pos_) == '-') ++pos_;
  if (peek() == 'I') {
    note(Quirk::non_finite, begin);
    expect_literal("Infinity");
    return Event::number;
  }
  if (peek() == '0') {
    ++pos_;
  } else {
    digits();
  }
  if (is_digit(peek())) refuse("json: number with a leading zero");
  if (peek() == '.') {
    ++pos_;
    digits();
  }
  if (peek() == 'e' || peek() == 'E') {
    ++pos_;
    if (peek() == '+' || peek() == '-') ++pos_;
    digits();
  }
  text_ = input_.clip(begin, pos_ - begin).text();
  after_value();
  return Event::number;
}

void Reader::expect_literal(std::string_view literal) {
  if (!input_.has(pos_, literal)) {
    if (input_.size() - pos_ < literal.size()) (void)byte_at(input_.size());
    refuse("json: value expected");
  }
  text_ = input_.clip(pos_, literal.size()).text();
  pos_ += literal.size();
  after_value();
}

std::optional<std::uint64_t> as_u64(std::string_view number) noexcept {
  if (number.empty() || (number.size() > 1 && number.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  return value;
}

}  // namespace modelaudit::wire::json
