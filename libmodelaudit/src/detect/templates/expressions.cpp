#include "detect/templates/expressions.hpp"

#include <algorithm>
#include <utility>

#include "detect/paths/unicode.hpp"

namespace modelaudit::detect::jinja {

namespace {

constexpr std::uint32_t k_max_nesting = 128;  // brackets and operators within each other
constexpr std::uint32_t k_max_depth = 1000;   // of the tree: `a.b.c…` and `a + b + …` grow it without nesting

void adopt(Expr& parent, ExprPtr kid) {
  if (kid) parent.depth = std::max(parent.depth, kid->depth + 1);
  if (parent.depth > k_max_depth) throw Unreadable{};
  parent.kids.push_back(std::move(kid));
}

void adopt(Expr& parent, std::vector<Argument> arguments) {
  for (const Argument& argument : arguments) parent.depth = std::max(parent.depth, argument.value->depth + 1);
  if (parent.depth > k_max_depth) throw Unreadable{};
  parent.arguments = std::move(arguments);
}

}  // namespace

/// Counts a level of the recursive descent for as long as it lives.
class Nesting {
 public:
  explicit Nesting(ExpressionParser& parser) : parser_(parser) {
    if (++parser_.nesting_ > k_max_nesting) {
      --parser_.nesting_;
      throw Unreadable{};
    }
  }
  ~Nesting() { --parser_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  ExpressionParser& parser_;
};

bool ExpressionParser::is_op(std::string_view op, std::size_t ahead) const {
  const Token* token = peek(ahead);
  return token && token->kind == TokenKind::op && token->text == op;
}

bool ExpressionParser::is_name(std::string_view name, std::size_t ahead) const {
  const Token* token = peek(ahead);
  return token && token->kind == TokenKind::name && token->text == name;
}

bool ExpressionParser::take_op(std::string_view op) {
  if (!is_op(op)) return false;
  ++at_;
  return true;
}

bool ExpressionParser::take_name(std::string_view name) {
  if (!is_name(name)) return false;
  ++at_;
  return true;
}

void ExpressionParser::expect_op(std::string_view op) {
  if (!take_op(op)) throw Unreadable{};
}

std::string ExpressionParser::expect_name() {
  const Token* token = peek();
  if (!token || token->kind != TokenKind::name) throw Unreadable{};
  ++at_;
  return token->text;
}

ExprPtr ExpressionParser::make(ExprKind kind, std::string text) const {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->text = std::move(text);
  node->offset = offset();
  return node;
}

ExprPtr ExpressionParser::with_kids(ExprPtr node, ExprPtr first, ExprPtr second, ExprPtr third) const {
  node->offset = first ? first->offset : node->offset;
  const bool has_second = second != nullptr || third != nullptr;
  adopt(*node, std::move(first));
  if (has_second) adopt(*node, std::move(second));
  if (third) adopt(*node, std::move(third));
  return node;
}

ExprPtr ExpressionParser::binary(std::string op, ExprPtr left, ExprPtr right) const {
  return with_kids(make(ExprKind::binary, std::move(op)), std::move(left), std::move(right));
}

ExprPtr ExpressionParser::expression(bool with_condition) {
  const Nesting level(*this);
  ExprPtr node = either();
  while (with_condition && take_name("if")) {
    ExprPtr test = either();
    ExprPtr other = take_name("else") ? expression() : nullptr;
    node = with_kids(make(ExprKind::condition), std::move(node), std::move(test), std::move(other));
  }
  return node;
}

ExprPtr ExpressionParser::tuple(bool with_condition) {
  ExprPtr first = expression(with_condition);
  if (!is_op(",")) return first;
  ExprPtr node = make(ExprKind::tuple);
  node->offset = first->offset;
  adopt(*node, std::move(first));
  while (take_op(",")) {
    if (at_end() || is_op(")") || is_op("=") || is_op("]") || is_name("in")) break;
    adopt(*node, expression(with_condition));
  }
  return node;
}

ExprPtr ExpressionParser::either() {
  ExprPtr left = both();
  while (take_name("or")) left = binary("or", std::move(left), both());
  return left;
}

ExprPtr ExpressionParser::both() {
  ExprPtr left = negation();
  while (take_name("and")) left = binary("and", std::move(left), negation());
  return left;
}

ExprPtr ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  const Nesting level(*this);
  ExprPtr node = make(ExprKind::unary, "not");
  skip();
  return with_kids(std::move(node), negation());
}

ExprPtr ExpressionParser::comparison() {
  ExprPtr left = sum();
  while (true) {
    const Token* token = peek();
    if (!token) return left;
    std::string op;
    if (token->kind == TokenKind::op && (token->text == "==" || token->text == "!=" || token->text == "<" || token->text == ">" ||
                                         token->text == "<=" || token->text == ">=")) {
      op = token->text;
      skip();
    } else if (take_name("in")) {
      op = "in";
    } else if (is_name("not") && is_name("in", 1)) {
      skip();
      skip();
      op = "not in";
    } else {
      return left;
    }
    left = binary(std::move(op), std::move(left), sum());
  }
}

ExprPtr ExpressionParser::sum() {
  ExprPtr left = concatenation();
  while (is_op("+") || is_op("-")) {
    std::string op = peek()->text;
    skip();
    left = binary(std::move(op), std::move(left), concatenation());
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  ExprPtr first = product();
  if (!is_op("~")) return first;
  ExprPtr node = make(ExprKind::concat);
  node->offset = first->offset;
  adopt(*node, std::move(first));
  while (take_op("~")) adopt(*node, product());
  return node;
}

ExprPtr ExpressionParser::product() {
  ExprPtr left = power();
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    std::string op = peek()->text;
    skip();
    left = binary(std::move(op), std::move(left), power());
  }
  return left;
}

ExprPtr ExpressionParser::power() {
  ExprPtr left = unary();
  while (take_op("**")) left = binary("**", std::move(left), unary());
  return left;
}

ExprPtr ExpressionParser::unary(bool with_filter) {
  ExprPtr node;
  if (is_op("-") || is_op("+")) {
    const Nesting level(*this);
    ExprPtr sign = make(ExprKind::unary, peek()->text);
    skip();
    node = with_kids(std::move(sign), unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filter ? filters(std::move(node), false) : std::move(node);
}

ExprPtr ExpressionParser::primary() {
  const Token* token = peek();
  if (!token) throw Unreadable{};
  ExprPtr node;
  switch (token->kind) {
    case TokenKind::name:
      if (token->text == "true" || token->text == "True" || token->text == "false" || token->text == "False") {
        node = make(ExprKind::boolean);
        node->number = ascii_lower(token->text.front()) == 't' ? 1 : 0;
      } else if (token->text == "none" || token->text == "None") {
        node = make(ExprKind::none);
      } else {
        node = make(ExprKind::name, token->text);
      }
      skip();
      return node;
    case TokenKind::string:
      node = make(ExprKind::string, token->text);
      skip();
      while (peek() && peek()->kind == TokenKind::string) {  // adjacent literals are one
        node->text += peek()->text;
        skip();
      }
      return node;
    case TokenKind::integer:
      node = make(ExprKind::integer);
      node->number = token->number;
      skip();
      return node;
    case TokenKind::real:
      node = make(ExprKind::real);
      node->real = token->real;
      skip();
      return node;
    case TokenKind::op: break;
  }
  if (is_op("(")) return parenthesised();
  if (is_op("[")) return list();
  if (is_op("{")) return dict();
  throw Unreadable{};
}

ExprPtr ExpressionParser::parenthesised() {
  const Nesting level(*this);
  ExprPtr empty = make(ExprKind::tuple);
  skip();
  if (take_op(")")) return empty;
  ExprPtr inner = tuple();
  expect_op(")");
  return inner;
}

ExprPtr ExpressionParser::list() {
  const Nesting level(*this);
  ExprPtr node = make(ExprKind::list);
  skip();
  while (!take_op("]")) {
    if (!node->kids.empty()) {
      expect_op(",");
      if (take_op("]")) break;
    }
    adopt(*node, expression());
  }
  return node;
}

ExprPtr ExpressionParser::dict() {
  const Nesting level(*this);
  ExprPtr node = make(ExprKind::dict);
  skip();
  while (!take_op("}")) {
    if (!node->kids.empty()) {
      expect_op(",");
      if (take_op("}")) break;
    }
    adopt(*node, expression());
    expect_op(":");
    adopt(*node, expression());
  }
  return node;
}

ExprPtr ExpressionParser::postfix(ExprPtr node) {
  while (true) {
    if (is_op(".") && peek(1) && (peek(1)->kind == TokenKind::name || peek(1)->kind == TokenKind::integer)) {
      skip();
      const Token& key = *peek();
      ExprPtr next = make(key.kind == TokenKind::name ? ExprKind::attribute : ExprKind::subscript, key.text);
      next->offset = key.offset;
      adopt(*next, std::move(node));
      if (key.kind == TokenKind::integer) {
        ExprPtr index = make(ExprKind::integer);
        index->number = key.number;
        adopt(*next, std::move(index));
      }
      skip();
      node = std::move(next);
    } else if (is_op("[")) {
      node = subscript(std::move(node));
    } else if (is_op("(")) {
      ExprPtr call = make(ExprKind::call);
      call->offset = node->offset;
      adopt(*call, std::move(node));
      adopt(*call, arguments());
      node = std::move(call);
    } else {
      return node;
    }
  }
}

ExprPtr ExpressionParser::subscript(ExprPtr node) {
  const Nesting level(*this);
  ExprPtr out = make(ExprKind::subscript);
  skip();
  adopt(*out, std::move(node));
  ExprPtr key = subscript_key();
  if (is_op(",")) {
    ExprPtr keys = make(ExprKind::tuple);
    adopt(*keys, std::move(key));
    while (take_op(",")) {
      if (is_op("]")) break;
      adopt(*keys, subscript_key());
    }
    key = std::move(keys);
  }
  adopt(*out, std::move(key));
  expect_op("]");
  return out;
}

ExprPtr ExpressionParser::subscript_key() {
  ExprPtr start = is_op(":") ? nullptr : expression();
  if (!is_op(":")) return start;
  ExprPtr node = make(ExprKind::slice);
  skip();
  ExprPtr stop = is_op(":") || is_op("]") || is_op(",") ? nullptr : expression();
  ExprPtr step;
  if (take_op(":") && !is_op("]") && !is_op(",")) step = expression();
  adopt(*node, std::move(start));
  adopt(*node, std::move(stop));
  adopt(*node, std::move(step));
  return node;
}

std::vector<Argument> ExpressionParser::arguments() {
  const Nesting level(*this);
  std::vector<Argument> out;
  expect_op("(");
  while (!take_op(")")) {
    if (!out.empty()) {
      expect_op(",");
      if (take_op(")")) break;
    }
    Argument argument;
    if (take_op("**") || take_op("*")) {
      argument.unpacked = true;
    } else if (peek() && peek()->kind == TokenKind::name && is_op("=", 1)) {
      argument.name = peek()->text;
      skip();
      skip();
    }
    argument.value = expression();
    out.push_back(std::move(argument));
  }
  return out;
}

ExprPtr ExpressionParser::filters(ExprPtr subject, bool first_is_bare) {
  if (first_is_bare) subject = filter(std::move(subject));
  while (true) {
    if (take_op("|")) subject = filter(std::move(subject));
    else if (take_name("is")) subject = test(std::move(subject));
    else if (subject && is_op("(")) subject = postfix(std::move(subject));
    else return subject;
  }
}

ExprPtr ExpressionParser::filter(ExprPtr node) {
  ExprPtr out = make(ExprKind::filter, expect_name());
  while (take_op(".")) out->text += "." + expect_name();
  out->offset = node ? node->offset : out->offset;
  adopt(*out, std::move(node));
  if (is_op("(")) adopt(*out, arguments());
  return out;
}

ExprPtr ExpressionParser::test(ExprPtr node) {
  const bool negated = take_name("not");
  ExprPtr out = make(ExprKind::test, expect_name());
  while (take_op(".")) out->text += "." + expect_name();
  out->number = negated ? 1 : 0;
  adopt(*out, std::move(node));
  const Token* token = peek();
  if (is_op("(")) {
    adopt(*out, arguments());
  } else if (token && !is_name("else") && !is_name("or") && !is_name("and") && !is_name("is") && !is_name("if") &&
             (token->kind != TokenKind::op || is_op("[") || is_op("{"))) {
    std::vector<Argument> argument(1);
    argument.front().value = postfix(primary());
    adopt(*out, std::move(argument));
  }
  return out;
}

}  // namespace modelaudit::detect::jinja
