#include "detect/python_source/tokens.hpp"

#include <array>
#include <charconv>
#include <limits>

#include "detect/paths/unicode.hpp"
#include "detect/templates/lexer.hpp"

namespace modelaudit::detect::python {

namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0; }
constexpr bool is_name_char(char c) { return is_name_start(c) || is_digit(c); }

class Tokenizer {
 public:
  Tokenizer(std::string_view source, std::size_t max_tokens, bool keep_comments)
      : source_(source), max_tokens_(max_tokens), keep_comments_(keep_comments) {
    if (source_.starts_with("\xEF\xBB\xBF")) at_ = line_start_ = 3;
  }

  std::vector<Token> run(bool& complete) {
    while (at_ < source_.size() && out_.size() < max_tokens_) next();
    complete = at_ >= source_.size();
    end_line();
    return std::move(out_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  Token& add(TokenKind kind, std::size_t offset) {
    Token token;
    token.kind = kind;
    token.offset = offset;
    token.line = line_;
    token.column = static_cast<std::uint32_t>(offset - line_start_);
    out_.push_back(std::move(token));
    return out_.back();
  }

  void end_line() {
    if (!out_.empty() && out_.back().kind != TokenKind::newline && out_.back().kind != TokenKind::comment) add(TokenKind::newline, at_);
  }

  void new_line() {
    ++line_;
    line_start_ = at_;
  }

  void next() {
    const char c = peek();
    if (c == '\n' || c == '\r') {
      if (depth_ == 0) end_line();
      at_ += c == '\r' && peek(1) == '\n' ? 2 : 1;
      return new_line();
    }
    if (c == ' ' || c == '\t' || c == '\f') {
      ++at_;
      return;
    }
    if (c == '\\' && (peek(1) == '\n' || peek(1) == '\r')) {  // explicit line joining
      at_ += peek(1) == '\r' && peek(2) == '\n' ? 3 : 2;
      return new_line();
    }
    if (c == '#') return comment();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '"' || c == '\'') return string(at_, 0);
    if (is_name_start(c)) return name_or_string();
    op();
  }

  void comment() {
    const std::size_t end = std::min(source_.find('\n', at_), source_.size());
    if (keep_comments_ && depth_ == 0) add(TokenKind::comment, at_).text = std::string(source_.substr(at_, end - at_));
    at_ = end;
  }

  void name_or_string() {
    const std::size_t start = at_;
    std::size_t end = at_;
    while (end < source_.size() && is_name_char(source_[end])) ++end;
    const std::size_t length = end - start;
    if (length <= 2 && end < source_.size() && (source_[end] == '"' || source_[end] == '\'') &&
        source_.substr(start, length).find_first_not_of("rRbBuUfFtT") == std::string_view::npos) {
      return string(start, length);
    }
    at_ = end;
    Token& token = add(TokenKind::name, start);
    token.text = std::string(source_.substr(start, length));
  }

  void string(std::size_t start, std::size_t prefix_length) {
    const std::string prefix = ascii_lower(source_.substr(start, prefix_length));
    const bool raw = prefix.find('r') != std::string::npos;
    std::size_t body = start + prefix_length;
    const char quote = source_[body];
    const bool triple = source_.substr(body, 3) == std::string(3, quote);
    body += triple ? 3 : 1;
    std::size_t end = body;
    bool whole = false;
    const std::uint32_t line = line_;
    const std::size_t line_start = line_start_;
    for (; end < source_.size(); ++end) {
      const char c = source_[end];
      if (c == '\\') {
        ++end;
        if (end < source_.size() && source_[end] == '\n') {
          ++line_;
          line_start_ = end + 1;
        }
        continue;
      }
      if (c == '\n') {
        if (!triple) break;
        ++line_;
        line_start_ = end + 1;
      }
      if (c == quote && (!triple || source_.substr(end, 3) == std::string(3, quote))) {
        whole = true;
        break;
      }
    }
    end = std::min(end, source_.size());
    const std::string_view text = source_.substr(body, end - body);
    at_ = whole ? end + (triple ? 3 : 1) : end;
    const bool formatted = prefix.find('f') != std::string::npos || prefix.find('t') != std::string::npos;
    Token& token = add(formatted ? TokenKind::fstring : TokenKind::string, start);
    token.line = line;
    token.column = static_cast<std::uint32_t>(start - line_start);
    token.bytes = prefix.find('b') != std::string::npos;
    token.whole = whole;
    // Bytes: \x80 stands for one byte; as a code point it keeps its number, which is what folding needs.
    token.text = raw || formatted ? std::string(text) : jinja::unescape(text);
  }

  void number() {
    const std::size_t start = at_;
    std::string digits;
    int base = 10;
    if (peek() == '0') {
      const char mark = ascii_lower(peek(1));
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
      if (base != 10) at_ += 2;
    }
    bool whole_number = true;
    while (at_ < source_.size() && (is_name_char(source_[at_]) || (base == 10 && source_[at_] == '.'))) {
      const char c = source_[at_++];
      if (c == '_') continue;
      if (c == '.') whole_number = false;
      digits.push_back(c);
      const bool exponent = base == 10 && (c == 'e' || c == 'E') && (peek() == '+' || peek() == '-');
      if (exponent) digits.push_back(source_[at_++]);
    }
    Token& token = add(TokenKind::number, start);
    token.text = std::string(source_.substr(start, at_ - start));
    token.number = std::numeric_limits<std::int64_t>::max();
    if (!whole_number) return;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token.number, base);
    if (error != std::errc{}) token.number = std::numeric_limits<std::int64_t>::max();
  }

  void op() {
    static constexpr std::array<std::string_view, 24> k_operators{"**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==",
                                                                  "!=",  "->",  "+=",  "-=",  "*=",  "/=", "%=", "&=", "|=", "^=", "@=", ":="};
    std::size_t length = 1;
    for (const std::string_view known : k_operators) {
      if (source_.substr(at_, known.size()) == known) {
        length = known.size();
        break;
      }
    }
    const char c = peek();
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
    Token& token = add(TokenKind::op, at_);
    token.text = std::string(source_.substr(at_, length));
    at_ += length;
  }

  std::string_view source_;
  std::size_t max_tokens_;
  bool keep_comments_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
  std::size_t depth_ = 0;
  std::vector<Token> out_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, std::size_t max_tokens, bool keep_comments, bool& complete) {
  return Tokenizer(source, max_tokens, keep_comments).run(complete);
}

}  // namespace modelaudit::detect::python
