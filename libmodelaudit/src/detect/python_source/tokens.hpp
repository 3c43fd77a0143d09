/// @file
/// A tolerant Python tokenizer (reference manual, Lexical analysis): any version's source, broken source too. Never throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modelaudit::detect::python {

enum class TokenKind : std::uint8_t {
  name,
  number,   ///< number holds integers that fit
  string,   ///< text is the value, escapes resolved
  fstring,  ///< text is the raw body; its fields are expressions
  op,
  comment,  ///< text without its end; only kept when asked for
  newline,  ///< end of a logical line
};

struct Token {
  TokenKind kind = TokenKind::op;
  bool bytes = false;       ///< string: a bytes literal
  bool whole = true;        ///< string: it ends
  std::string text;
  std::int64_t number = 0;
  std::size_t offset = 0;
  std::uint32_t line = 1;
  std::uint32_t column = 0;  ///< blanks before it on its line; meaningful for the first token of a line
};

/// At most `max_tokens` tokens; `complete` tells whether that was all. Comments inside brackets are dropped.
std::vector<Token> tokenize(std::string_view source, std::size_t max_tokens, bool keep_comments, bool& complete);

}  // namespace modelaudit::detect::python
