#include "detect/templates/lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "detect/paths/unicode.hpp"

namespace modelaudit::detect::jinja {

namespace {

constexpr auto npos = std::string_view::npos;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0; }
constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char low = ascii_lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/// Reads up to `digits` hex digits; the count read is returned.
std::size_t read_hex(std::string_view text, std::size_t digits, std::uint32_t& value) {
  std::size_t n = 0;
  value = 0;
  while (n < digits && n < text.size() && hex_value(text[n]) >= 0) value = value * 16 + static_cast<std::uint32_t>(hex_value(text[n++]));
  return n;
}

/// The few named characters that spell an identifier or a path.
std::optional<std::uint32_t> named_character(std::string_view name) {
  const std::string upper = [&] {
    std::string out(name);
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return out;
  }();
  if (upper == "LOW LINE" || upper == "UNDERSCORE") return '_';
  if (upper == "FULL STOP") return '.';
  if (upper == "SOLIDUS") return '/';
  constexpr std::string_view small = "LATIN SMALL LETTER ";
  constexpr std::string_view capital = "LATIN CAPITAL LETTER ";
  if (upper.starts_with(small) && upper.size() == small.size() + 1) return static_cast<std::uint8_t>(ascii_lower(upper.back()));
  if (upper.starts_with(capital) && upper.size() == capital.size() + 1) return static_cast<std::uint8_t>(upper.back());
  return std::nullopt;
}

/// Appends what the escape after a backslash at `at` stands for; returns how many characters it used.
std::size_t append_escape(std::string_view body, std::size_t at, std::string& out) {
  const char c = body[at];
  std::uint32_t value = 0;
  const std::string_view rest = body.substr(at + 1);
  switch (c) {
    case 'n': out.push_back('\n'); return 1;
    case 't': out.push_back('\t'); return 1;
    case 'r': out.push_back('\r'); return 1;
    case 'a': out.push_back('\a'); return 1;
    case 'b': out.push_back('\b'); return 1;
    case 'f': out.push_back('\f'); return 1;
    case 'v': out.push_back('\v'); return 1;
    case '\n': return 1;
    case '\\':
    case '\'':
    case '"': out.push_back(c); return 1;
    case 'x':
    case 'u':
    case 'U': {
      const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      if (read_hex(rest, digits, value) != digits) break;
      append_utf8(out, value);
      return 1 + digits;
    }
    case 'N': {
      const std::size_t end = rest.starts_with('{') ? rest.find('}') : npos;
      const auto named = end == npos ? std::nullopt : named_character(rest.substr(1, end - 1));
      if (!named) break;
      append_utf8(out, *named);
      return 2 + end;
    }
    default:
      if (c >= '0' && c <= '7') {
        std::size_t n = 0;
        while (n < 3 && at + n < body.size() && body[at + n] >= '0' && body[at + n] <= '7') value = value * 8 + static_cast<std::uint32_t>(body[at + n++] - '0');
        append_utf8(out, value);
        return n;
      }
  }
  out.push_back('\\');
  out.push_back(c);
  return 1;
}

/// One pass over a template.
class Splitter {
 public:
  Splitter(std::string_view source, std::size_t max_tokens) : source_(source), tokens_left_(max_tokens) {}

  std::vector<Part> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = next_tag(at_);
      add_text(at_, tag);
      if (tag == source_.size()) break;
      at_ = tag;
      const char kind = source_[at_ + 1];
      if (kind == '#') skip_comment();
      else if (kind == '{') read_tag(PartKind::output, "}}");
      else if (!read_raw()) read_tag(PartKind::statement, "%}");
    }
    return std::move(parts_);
  }

 private:
  std::size_t next_tag(std::size_t from) const {
    for (std::size_t brace = source_.find('{', from); brace != npos; brace = source_.find('{', brace + 1)) {
      if (brace + 1 >= source_.size()) break;
      const char c = source_[brace + 1];
      if (c == '{' || c == '%' || c == '#') return brace;
    }
    return source_.size();
  }

  void add_text(std::size_t from, std::size_t to) {
    std::string_view text = source_.substr(from, to - from);
    if (strip_next_) {
      while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
      if (!text.empty()) strip_next_ = false;
    }
    const bool stripped = to + 2 < source_.size() && source_[to + 2] == '-';
    while (stripped && !text.empty() && is_space(text.back())) text.remove_suffix(1);
    if (!text.empty()) parts_.push_back({PartKind::text, from, text, {}, false});
  }

  void skip_comment() {
    const std::size_t end = source_.find("#}", at_ + 2);
    strip_next_ = end != npos && end > at_ + 2 && source_[end - 1] == '-';
    at_ = end == npos ? source_.size() : end + 2;
  }

  /// `{% raw %} … {% endraw %}` is text.
  bool read_raw() {
    std::size_t end = 0;
    if (!is_plain_tag(at_, "raw", end)) return false;
    for (std::size_t close = source_.find("{%", end); close != npos; close = source_.find("{%", close + 2)) {
      std::size_t after = 0;
      if (!is_plain_tag(close, "endraw", after)) continue;
      if (close > end) parts_.push_back({PartKind::text, end, source_.substr(end, close - end), {}, false});
      at_ = after;
      return true;
    }
    parts_.push_back({PartKind::text, end, source_.substr(end), {}, false});
    at_ = source_.size();
    return true;
  }

  bool is_plain_tag(std::size_t at, std::string_view word, std::size_t& end) const {
    std::size_t p = at + 2;
    if (p < source_.size() && (source_[p] == '-' || source_[p] == '+')) ++p;
    while (p < source_.size() && is_space(source_[p])) ++p;
    if (source_.substr(p, word.size()) != word) return false;
    p += word.size();
    while (p < source_.size() && is_space(source_[p])) ++p;
    if (p < source_.size() && (source_[p] == '-' || source_[p] == '+')) ++p;
    if (source_.substr(p, 2) != "%}") return false;
    end = p + 2;
    return true;
  }

  void read_tag(PartKind kind, std::string_view close) {
    Part part;
    part.kind = kind;
    part.offset = at_;
    const std::size_t start = at_;
    at_ += 2;
    if (at_ < source_.size() && (source_[at_] == '-' || source_[at_] == '+')) ++at_;
    depth_ = 0;
    while (true) {
      while (at_ < source_.size() && is_space(source_[at_])) ++at_;
      if (at_ >= source_.size()) {
        part.damaged = true;
        break;
      }
      if (depth_ == 0 && ends_here(close)) break;
      if (tokens_left_ == 0 || !read_token(part.tokens)) {
        part.damaged = true;
        const std::size_t end = source_.find(close, at_);
        at_ = end == npos || tokens_left_ == 0 ? source_.size() : end + 2;
        break;
      }
      --tokens_left_;
    }
    part.text = source_.substr(start, at_ - start);
    parts_.push_back(std::move(part));
  }

  bool ends_here(std::string_view close) {
    const std::size_t sign = source_[at_] == '-' || source_[at_] == '+' ? 1 : 0;
    if (source_.substr(at_ + sign, 2) != close) return false;
    strip_next_ = source_[at_] == '-';
    at_ += sign + 2;
    return true;
  }

  bool read_token(std::vector<Token>& out) {
    const char c = source_[at_];
    Token token;
    token.offset = at_;
    if (c == '"' || c == '\'') {
      if (!read_string(token)) return false;
    } else if (is_digit(c)) {
      read_number(token);
    } else if (is_name_start(c)) {
      std::size_t end = at_;
      while (end < source_.size() && (is_name_start(source_[end]) || is_digit(source_[end]))) ++end;
      token.kind = TokenKind::name;
      token.text = std::string(source_.substr(at_, end - at_));
      at_ = end;
    } else if (!read_operator(token)) {
      return false;
    }
    out.push_back(std::move(token));
    return true;
  }

  bool read_string(Token& token) {
    const char quote = source_[at_];
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return false;
    token.kind = TokenKind::string;
    token.text = unescape(source_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return true;
  }

  void read_number(Token& token) {
    std::string digits;
    std::size_t end = at_;
    int base = 10;
    if (source_[end] == '0' && end + 2 < source_.size()) {
      const char mark = ascii_lower(source_[end + 1]);
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
      if (base != 10) end += 2;
    }
    const auto take = [&] {
      while (end < source_.size() && (source_[end] == '_' || (base == 16 ? hex_value(source_[end]) >= 0 : is_digit(source_[end])))) {
        if (source_[end] != '_') digits.push_back(source_[end]);
        ++end;
      }
    };
    take();
    bool real = false;
    if (base == 10 && end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
      real = true;
      digits.push_back(source_[end++]);
      take();
    }
    if (base == 10 && end + 1 < source_.size() && ascii_lower(source_[end]) == 'e') {
      const std::size_t sign = source_[end + 1] == '+' || source_[end + 1] == '-' ? 1 : 0;
      if (end + 1 + sign < source_.size() && is_digit(source_[end + 1 + sign])) {
        real = true;
        digits.append(source_.substr(end, 1 + sign));
        end += 1 + sign;
        take();
      }
    }
    at_ = end;
    token.text = digits;
    if (real) {
      token.kind = TokenKind::real;
      const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token.real);
      if (error != std::errc{}) token.real = std::numeric_limits<double>::infinity();
      return;
    }
    token.kind = TokenKind::integer;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token.number, base);
    if (error != std::errc{}) token.number = std::numeric_limits<std::int64_t>::max();
  }

  bool read_operator(Token& token) {
    static constexpr std::array<std::string_view, 29> k_operators{"**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*",
                                                                  "%",  "~",  "[",  "]",  "(",  ")",  "{", "}", ">", "<",
                                                                  "=",  ".",  ":",  "|",  ",",  ";",  "&", "@", "!"};
    for (const std::string_view op : k_operators) {
      if (source_.substr(at_, op.size()) != op) continue;
      if (op == "(" || op == "[" || op == "{") ++depth_;
      if ((op == ")" || op == "]" || op == "}") && depth_ > 0) --depth_;
      token.kind = TokenKind::op;
      token.text = std::string(op);
      at_ += op.size();
      return op != "&" && op != "@" && op != "!";
    }
    return false;
  }

  std::string_view source_;
  std::size_t tokens_left_;
  std::size_t at_ = 0;
  int depth_ = 0;            // open brackets in the tag: `}}` inside a dict does not end it
  bool strip_next_ = false;  // the tag before ended with `-`
  std::vector<Part> parts_;
};

}  // namespace

std::string unescape(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  for (std::size_t at = 0; at < body.size(); ++at) {
    if (body[at] != '\\' || at + 1 >= body.size()) {
      out.push_back(body[at]);
    } else {
      at += append_escape(body, at + 1, out);
    }
  }
  return out;
}

std::vector<Part> split(std::string_view source, std::size_t max_tokens) { return Splitter(source, max_tokens).run(); }

}  // namespace modelaudit::detect::jinja
