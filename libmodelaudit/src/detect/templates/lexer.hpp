/// @file
/// Jinja's lexer (jinja2 3.1, lexer.py, with its default delimiters; line statements are off).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modelaudit::detect::jinja {

enum class TokenKind : std::uint8_t { name, string, integer, real, op };

struct Token {
  TokenKind kind = TokenKind::op;
  std::string text;          ///< name, operator, or the string with its escapes resolved
  std::int64_t number = 0;   ///< integer; saturated
  double real = 0;
  std::size_t offset = 0;    ///< in the template
};

enum class PartKind : std::uint8_t { text, output, statement };

/// Literal text, or the tokens of one `{{ … }}` or `{% … %}`. Comments are dropped, raw blocks are text.
struct Part {
  PartKind kind = PartKind::text;
  std::size_t offset = 0;
  std::string_view text;      ///< literal text, whitespace control applied; for tags: the source with its delimiters
  std::vector<Token> tokens;  ///< tags only
  bool damaged = false;       ///< a tag that does not end, or with characters that start no token
};

/// Splits a template. Never throws; at most `max_tokens` tokens are made, then the rest is one damaged part.
std::vector<Part> split(std::string_view source, std::size_t max_tokens);

/// Resolves the escapes of a Python string literal's body: \n \x5f \u005f \U0000005f \137 \N{LOW LINE} …
std::string unescape(std::string_view body);

}  // namespace modelaudit::detect::jinja
