/// @file
/// The syntax tree of a Jinja template (jinja2 3.1, parser.py and nodes.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "detect/templates/lexer.hpp"

namespace modelaudit::detect::jinja {

enum class ExprKind : std::uint8_t {
  name,       ///< text
  string,     ///< text
  integer,    ///< number
  real,       ///< real
  boolean,    ///< number
  none,
  list,       ///< kids
  tuple,      ///< kids
  dict,       ///< kids: key, value, key, value …
  attribute,  ///< kids[0] . text
  subscript,  ///< kids[0] [ kids[1] ]
  slice,      ///< kids: start, stop, step; each may be null
  call,       ///< kids[0] ( arguments )
  filter,     ///< kids[0] | text ( arguments ); kids[0] is null in a filter block
  test,       ///< kids[0] is text ( arguments )
  unary,      ///< text kids[0]
  binary,     ///< kids[0] text kids[1]
  concat,     ///< kids ~ …
  condition,  ///< kids[0] if kids[1] else kids[2]; kids[2] may be null
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Argument {
  std::string name;   ///< empty: by position
  bool unpacked = false;  ///< *args or **kwargs
  ExprPtr value;
};

struct Expr {
  ExprKind kind = ExprKind::none;
  std::size_t offset = 0;
  std::string text;
  std::int64_t number = 0;
  double real = 0;
  std::vector<ExprPtr> kids;
  std::vector<Argument> arguments;
  std::uint32_t depth = 1;
};

enum class StatementKind : std::uint8_t {
  text,     ///< literal
  output,   ///< exprs[0]
  set,      ///< names (targets) = exprs[0]; a body instead of an expression captures its output
  branch,   ///< exprs[i] guards bodies[i]; one more body is the else
  loop,     ///< for names in exprs[0] if exprs[1]; bodies[0], bodies[1] when nothing was looped over
  macro,    ///< names[0] is its own, the rest are parameters with defaults in exprs (null: none); bodies[0]
  call,     ///< call block: exprs[0], bodies[0]
  filter,   ///< filter block: exprs[0], bodies[0]
  with,     ///< names = exprs; bodies[0]
  block,    ///< names[0]; bodies[0]: block, generation, autoescape, trans
  include,  ///< names[0] is the tag (include, import, from, extends), exprs[0] the template
  expression,  ///< do
  unknown,  ///< a tag of no known kind; exprs what could be read of it
};

struct Statement;
using Body = std::vector<Statement>;

struct Statement {
  StatementKind kind = StatementKind::text;
  std::size_t offset = 0;
  std::string_view text;             ///< literal
  std::vector<std::string> names;
  std::vector<ExprPtr> exprs;
  std::vector<Body> bodies;
};

/// What the parser made of a template.
struct Template {
  Body body;
  std::vector<std::size_t> damaged;       ///< offsets of tags that could not be read
  std::vector<std::string_view> unread;   ///< their source
};

/// Parses a template. Never throws; tags that cannot be read are left out and listed.
Template parse(std::string_view source);

}  // namespace modelaudit::detect::jinja
