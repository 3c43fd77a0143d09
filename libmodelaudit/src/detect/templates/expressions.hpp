/// @file
/// The expression parser (jinja2 3.1, parser.py, from parse_expression on).
#pragma once

#include <string_view>
#include <vector>

#include "detect/templates/syntax.hpp"

namespace modelaudit::detect::jinja {

/// Thrown inside the parser only: this tag cannot be read.
struct Unreadable {};

/// A cursor over the tokens of one tag, and the grammar of expressions. Throws Unreadable.
class ExpressionParser {
 public:
  explicit ExpressionParser(const std::vector<Token>& tokens) : tokens_(tokens) {}

  bool at_end() const { return at_ >= tokens_.size(); }
  const Token* peek(std::size_t ahead = 0) const { return at_ + ahead < tokens_.size() ? &tokens_[at_ + ahead] : nullptr; }
  bool is_op(std::string_view op, std::size_t ahead = 0) const;
  bool is_name(std::string_view name, std::size_t ahead = 0) const;
  bool take_op(std::string_view op);
  bool take_name(std::string_view name);
  void expect_op(std::string_view op);
  std::string expect_name();
  std::size_t offset() const { return at_end() ? (tokens_.empty() ? 0 : tokens_.back().offset) : tokens_[at_].offset; }
  void skip() { ++at_; }

  ExprPtr expression(bool with_condition = true);
  /// One or more expressions; commas make a tuple.
  ExprPtr tuple(bool with_condition = true);
  /// `( a, *b, c=d, **e )`, the opening parenthesis is next.
  std::vector<Argument> arguments();
  /// Filters without a subject, for filter blocks: `upper|trim`.
  ExprPtr filters(ExprPtr subject, bool first_is_bare);

 private:
  ExprPtr either();
  ExprPtr both();
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filter = true);
  ExprPtr primary();
  ExprPtr postfix(ExprPtr node);
  ExprPtr subscript(ExprPtr node);
  ExprPtr subscript_key();
  ExprPtr filter(ExprPtr node);
  ExprPtr test(ExprPtr node);
  ExprPtr dict();
  ExprPtr list();
  ExprPtr parenthesised();
  ExprPtr make(ExprKind kind, std::string text = {}) const;
  ExprPtr with_kids(ExprPtr node, ExprPtr first, ExprPtr second = nullptr, ExprPtr third = nullptr) const;
  ExprPtr binary(std::string op, ExprPtr left, ExprPtr right) const;

  const std::vector<Token>& tokens_;
  std::size_t at_ = 0;
  std::uint32_t nesting_ = 0;
  friend class Nesting;
};

}  // namespace modelaudit::detect::jinja
