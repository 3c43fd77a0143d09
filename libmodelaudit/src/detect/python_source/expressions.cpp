#include <algorithm>

#include "detect/python_source/analyser.hpp"
#include "modelaudit/error.hpp"

namespace modelaudit::detect::python {

namespace {

constexpr std::uint32_t k_max_depth = 400;
constexpr std::uint64_t k_max_steps = 20'000'000;  // tokens looked at, comprehensions unrolled included
constexpr std::size_t k_unrolled = 1024;           // items of a constant comprehension

/// Binding strength of binary operators; 0: none.
int strength(const Token& token, bool not_in) {
  if (token.kind == TokenKind::name) return token.text == "in" || token.text == "is" || not_in ? 1 : 0;
  if (token.kind != TokenKind::op) return 0;
  const std::string& op = token.text;
  if (op == "==" || op == "!=" || op == "<" || op == ">" || op == "<=" || op == ">=") return 1;
  if (op == "|") return 2;
  if (op == "^") return 3;
  if (op == "&") return 4;
  if (op == "<<" || op == ">>") return 5;
  if (op == "+" || op == "-") return 6;
  if (op == "*" || op == "/" || op == "//" || op == "%" || op == "@") return 7;
  return op == "**" ? 8 : 0;
}

/// The environment as a whole, once it is passed on; a single variable is no secret.
Value handed_over(Value value) {
  if (value.path == "os.environ") value.secret = true;
  return value;
}

bool is_keyword(std::string_view word) {
  for (const std::string_view keyword : {"for", "in", "if", "else", "and", "or", "is", "as", "async", "from", "import", "with", "while", "return"}) {
    if (word == keyword) return true;
  }
  return false;
}

}  // namespace

/// Counts a level of the recursive descent; beyond the deepest, expressions read as unknown and cost nothing.
class Deeper {
 public:
  explicit Deeper(Analyser& analyser) : analyser_(analyser) { ++analyser_.depth_; }
  ~Deeper() { --analyser_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  bool too_deep() const {
    if (analyser_.depth_ <= k_max_depth && ++analyser_.steps_ <= k_max_steps) return false;
    if (analyser_.out_.gaps.empty()) analyser_.out_.gaps.push_back({GapKind::limit, "python: nested deeper, or more work, than is followed", {}});
    return true;
  }

 private:
  Analyser& analyser_;
};

const Value* CallArguments::get(std::size_t position, std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return position < positional.size() ? &positional[position] : nullptr;
}

bool CallArguments::any_secret() const {
  return std::any_of(positional.begin(), positional.end(), [](const Value& value) { return value.secret; }) ||
         std::any_of(named.begin(), named.end(), [](const auto& pair) { return pair.second.secret; });
}

Value Analyser::expression_list() {
  Value first = expression();
  if (!is_op(",")) return first;
  std::vector<jinja::ValuePtr> items{first.known ? first.known : jinja::unknown()};
  Value out;
  out.secret = first.secret;
  while (take_op(",")) {
    if (at_line_end() || is_op("=") || is_op(")") || is_op("]") || is_op("}") || is_op(":") || is_op(";")) break;
    const Value next = expression();
    out.secret = out.secret || next.secret;
    items.push_back(next.known ? next.known : jinja::unknown());
  }
  out.known = jinja::list(std::move(items));
  return out;
}

Value Analyser::expression() {
  const Deeper level(*this);
  if (level.too_deep()) {
    at_ = std::max(at_ + 1, is_op("(") || is_op("[") || is_op("{") ? closing(at_) + 1 : at_ + 1);
    return {};
  }
  take_op("*");
  take_op("**");
  if (is_word("lambda")) return lambda();
  if (take_word("yield")) {
    take_word("from");
    return at_line_end() || is_op(")") ? Value{} : expression_list();
  }
  Value value = disjunction();
  if (take_op(":=")) return expression();
  if (take_word("if")) {
    (void)disjunction();
    if (take_word("else")) {
      const Value other = expression();
      if (value.path.empty() && !value.known) value = other;
    }
  }
  return value;
}

Value Analyser::disjunction() {
  while (take_word("not")) {
  }
  Value value = binary(1);
  while (is_word("and") || is_word("or")) {
    ++at_;
    while (take_word("not")) {
    }
    const Value right = binary(1);
    if (value.path.empty() && !value.known) value = right;
  }
  return value;
}

Value Analyser::binary(int least) {
  const Deeper level(*this);
  if (level.too_deep()) {
    ++at_;
    return {};
  }
  Value left = unary();
  while (const Token* op = peek()) {
    const bool not_in = is_word("not") && is_word("in", 1);
    const int bound = strength(*op, not_in);
    if (bound < least || bound == 0) break;
    at_ += not_in ? 2 : 1;
    if (op->text == "is") take_word("not");
    const Value right = binary(bound + 1);
    Value made;
    made.secret = left.secret || right.secret;
    made.decoded = left.decoded || right.decoded;
    made.folded = true;
    if (left.known && right.known && op->kind == TokenKind::op) made.known = jinja::fold_binary(op->text, *left.known, *right.known);
    if (op->text == "/" && left.is_text() && right.is_text()) made.known = jinja::string(left.text() + "/" + right.text());  // pathlib
    left = std::move(made);
  }
  return left;
}

Value Analyser::unary() {
  bool negative = false;
  while (is_op("-") || is_op("+") || is_op("~") || is_word("await")) {
    negative = negative != is_op("-");
    ++at_;
  }
  Value value = postfix(primary());
  if (negative && value.known && value.known->is_number() && value.known->number != INT64_MIN) value.known = jinja::integer(-value.known->number);
  return value;
}

Value Analyser::primary() {
  if (at_line_end()) return {};
  const Token& token = tokens_[at_];
  switch (token.kind) {
    case TokenKind::number: {
      ++at_;
      Value value;
      value.known = jinja::integer(token.number);
      return value;
    }
    case TokenKind::string:
    case TokenKind::fstring: {
      Value value;
      std::string text;
      bool known = true;
      while (peek() && (peek()->kind == TokenKind::string || peek()->kind == TokenKind::fstring)) {
        const Token& part = tokens_[at_++];
        if (part.kind == TokenKind::string) {
          text += part.text;
          continue;
        }
        const Value made = formatted(part);
        value.folded = true;
        value.secret = value.secret || made.secret;
        if (made.is_text()) text += made.text();
        else known = false;
      }
      if (known) value.known = jinja::string(std::move(text));
      return value;
    }
    case TokenKind::name:
      if (is_keyword(token.text)) return {};
      ++at_;
      if (is_op(":=")) {
        const std::string target = token.text;
        ++at_;
        Value value = expression();
        bind(target, value);
        return value;
      }
      return name(token);
    case TokenKind::op:
      if (token.text == "(") return bracketed(")");
      if (token.text == "[") return bracketed("]");
      if (token.text == "{") return bracketed("}");
      if (token.text == "...") ++at_;
      return {};
    default: return {};
  }
}

/// A tuple, list, dict, set or comprehension.
Value Analyser::bracketed(std::string_view close) {
  const std::size_t end = closing(at_);
  const std::size_t start = ++at_;
  int depth = 0;
  for (std::size_t i = start; i < end; ++i) {
    const Token& token = tokens_[i];
    if (token.kind == TokenKind::op) {
      const char c = token.text[0];
      if (c == '(' || c == '[' || c == '{') ++depth;
      if (c == ')' || c == ']' || c == '}') --depth;
    }
    if (depth == 0 && token.kind == TokenKind::name && token.text == "for") return comprehension(start, i, end);
    if (depth == 0 && token.kind == TokenKind::name && token.text == "lambda") break;
    if (depth == 0 && token.kind == TokenKind::op && token.text == ",") break;
  }
  Value out;
  std::vector<jinja::ValuePtr> items;
  bool comma = false;
  Value only;
  while (at_ < end) {
    const std::size_t before = at_;
    only = expression();
    out.secret = out.secret || only.secret;
    items.push_back(only.known ? only.known : jinja::unknown());
    if (take_op(":")) out.secret = expression().secret || out.secret;
    comma = take_op(",") || comma;
    if (at_ == before) ++at_;
  }
  at_ = std::min(end + 1, tokens_.size());
  if (close == ")" && !comma && items.size() == 1) return only;
  if (close != "}") out.known = jinja::list(std::move(items));
  return out;
}

/// `element for target in iterable …` between brackets: unrolled when the iterable is a constant.
Value Analyser::comprehension(std::size_t start, std::size_t loop, std::size_t close) {
  at_ = loop + 1;
  const std::size_t target = at_;
  while (at_ < close && !is_word("in")) ++at_;
  const std::size_t target_end = at_;
  take_word("in");
  const Value iterable = disjunction();
  while (at_ < close) {  // conditions, more loops
    const std::size_t before = at_;
    if (take_word("if") || take_word("in")) (void)disjunction();
    else (void)primary();
    if (at_ == before) ++at_;
  }
  std::vector<jinja::ValuePtr> items;
  const bool known = iterable.known && jinja::elements(*iterable.known, items) && items.size() <= k_unrolled;
  scopes_.emplace_back();
  scopes_.back().kind = scopes_.size() > 1 && scopes_[scopes_.size() - 2].kind == ScopeKind::module ? ScopeKind::module : ScopeKind::function;
  Value out;
  out.secret = iterable.secret;
  out.folded = true;
  std::vector<jinja::ValuePtr> made;
  bool all = known;
  if (!known) items.assign(1, nullptr);
  for (const jinja::ValuePtr& item : items) {
    Value bound;
    bound.known = item;
    bound.secret = iterable.secret;
    bind_target(target, target_end, bound);
    at_ = start;
    const Value element = expression();
    out.secret = out.secret || element.secret;
    if (take_op(":")) (void)expression();
    if (!element.known) all = false;
    else made.push_back(element.known);
  }
  scopes_.pop_back();
  if (all) out.known = jinja::list(std::move(made));
  at_ = std::min(close + 1, tokens_.size());
  return out;
}

Value Analyser::lambda() {
  ++at_;
  scopes_.emplace_back();
  scopes_.back().kind = ScopeKind::function;
  while (!at_line_end() && !is_op(":")) {
    const Token& token = tokens_[at_++];
    if (token.kind == TokenKind::name) bind(token.text, {});
    if (token.kind == TokenKind::op && token.text == "=") (void)expression();
  }
  take_op(":");
  const std::string owner = owner_;
  if (owner_.empty()) owner_ = "<lambda>";
  Value body = expression();
  owner_ = owner;
  scopes_.pop_back();
  Value out;
  out.secret = body.secret;
  return out;
}

/// The fields of an f-string are expressions of their own.
Value Analyser::formatted(const Token& token) {
  Value out;
  std::string text;
  bool known = true;
  const std::string& body = token.text;
  for (std::size_t at = 0; at < body.size(); ++at) {
    if (body[at] != '{') {
      if (body[at] == '}' && at + 1 < body.size() && body[at + 1] == '}') ++at;
      text.push_back(body[at]);
      continue;
    }
    if (at + 1 < body.size() && body[at + 1] == '{') {
      text.push_back(body[at++]);
      continue;
    }
    int depth = 0;
    std::size_t end = at;
    for (; end < body.size(); ++end) {
      if (body[end] == '{' || body[end] == '(' || body[end] == '[') ++depth;
      if ((body[end] == '}' || body[end] == ')' || body[end] == ']') && --depth == 0) break;
    }
    // Read the field with the same machine: its tokens take the place of the file's for a while.
    bool complete = true;
    std::vector<Token> field = tokenize(std::string_view(body).substr(at + 1, end - std::min(at + 1, end)), 10'000, false, complete);
    for (Token& part : field) {
      part.offset = token.offset;
      part.line = token.line;
    }
    std::swap(field, tokens_);
    const std::size_t resume = std::exchange(at_, 0);
    const Value value = expression();
    at_ = resume;
    std::swap(field, tokens_);
    out.secret = out.secret || value.secret;
    if (!value.known || !jinja::to_text(*value.known, text)) known = false;
    at = end;
  }
  if (known) out.known = jinja::string(std::move(text));
  out.folded = true;
  return out;
}

Value Analyser::name(const Token& token) {
  bool innermost = true;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    // A class body's names are not seen from the functions in it.
    if (scope->kind != ScopeKind::class_body || innermost) {
      const auto found = scope->names.find(token.text);
      if (found != scope->names.end()) return found->second;
    }
    innermost = false;
  }
  Value value;
  if (token.text == "__builtins__") value.path = "builtins";
  else if (is_builtin_name(token.text)) value.path = "builtins." + token.text;
  else if (is_ambient_module(token.text)) value.path = token.text;
  return value;
}

Value Analyser::attribute(const Value& base, const std::string& key, bool hidden) {
  Value out;
  out.hidden = base.hidden || hidden;
  out.secret = base.secret;
  out.decoded = base.decoded;
  if (key == "__dict__") return base.path.empty() ? out : Value{nullptr, base.path, true, false, base.secret, false};
  if (!base.path.empty()) out.path = base.path + "." + key;
  if (base.path == "__builtins__") out.path = "builtins." + key;
  // A method of a constant: its receiver travels along.
  if (base.known && base.path.empty()) {
    out.path = "." + key;
    out.known = base.known;
    out.folded = true;
  }
  return out;
}

Value Analyser::postfix(Value value) {
  while (const Token* token = peek()) {
    if (token->kind != TokenKind::op) break;
    if (token->text == "." && peek(1) && peek(1)->kind == TokenKind::name) {
      value = attribute(value, tokens_[at_ + 1].text, false);
      at_ += 2;
    } else if (token->text == "(") {
      const Token at = at_ > 0 ? tokens_[at_ - 1] : *token;
      const CallArguments with = arguments();
      value = call(value, with, at);
    } else if (token->text == "[") {
      value = subscript(value);
    } else {
      break;
    }
  }
  return value;
}

Value Analyser::subscript(const Value& base) {
  const std::size_t end = closing(at_);
  ++at_;
  Value bounds[3];
  std::size_t count = 0;
  bool slice = false;
  while (at_ < end) {
    const std::size_t before = at_;
    if (!is_op(":")) {
      Value bound = expression_list();
      if (count < 3) bounds[count] = std::move(bound);
    }
    if (take_op(":")) {
      slice = true;
      ++count;
    }
    if (at_ == before) ++at_;
  }
  at_ = std::min(end + 1, tokens_.size());
  Value out;
  out.secret = base.secret && base.path.empty();
  out.decoded = base.decoded;
  out.folded = true;
  if (base.known && base.path.empty()) {
    out.known = slice ? jinja::fold_slice(*base.known, bounds[0].known, bounds[1].known, bounds[2].known)
                      : bounds[0].known ? jinja::fold_subscript(*base.known, *bounds[0].known) : nullptr;
    return out;
  }
  if (!bounds[0].is_text() || slice || base.path.empty()) return out;
  const std::string& key = bounds[0].text();
  if (base.path == "sys.modules") return Value{nullptr, key, true, false, false, false};
  if (base.path == "globals()" || base.path == "locals()") {
    Token token;
    token.text = key;
    Value found = name(token);
    found.hidden = true;
    return found;
  }
  if (base.hidden || base.path == "builtins") return attribute(base, key, true);  // vars(os)['system']
  if (base.path == "os.environ") return out;  // one variable is not the environment
  return out;
}

CallArguments Analyser::arguments() {
  CallArguments out;
  const std::size_t end = closing(at_);
  // f(x for x in y): a comprehension without brackets of its own.
  int depth = 0;
  for (std::size_t i = at_ + 1; i < end; ++i) {
    const Token& token = tokens_[i];
    if (token.kind == TokenKind::op) {
      const char c = token.text[0];
      if (c == '(' || c == '[' || c == '{') ++depth;
      if (c == ')' || c == ']' || c == '}') --depth;
      if (depth == 0 && (c == ',' || token.text == "=")) break;
    }
    if (depth == 0 && token.kind == TokenKind::name && token.text == "lambda") break;
    if (depth == 0 && token.kind == TokenKind::name && token.text == "for") {
      const std::size_t start = at_ + 1;
      out.positional.push_back(comprehension(start, i, end));
      return out;
    }
  }
  ++at_;
  while (at_ < end) {
    const std::size_t before = at_;
    if (peek()->kind == TokenKind::name && is_op("=", 1)) {
      std::string key = peek()->text;
      at_ += 2;
      out.named.emplace_back(std::move(key), handed_over(expression()));
    } else {
      const bool unpacked = is_op("*") || is_op("**");
      Value value = handed_over(expression());
      std::vector<jinja::ValuePtr> items;
      if (unpacked && value.known && jinja::elements(*value.known, items)) {
        for (const jinja::ValuePtr& item : items) {
          Value one;
          one.known = item;
          out.positional.push_back(std::move(one));
        }
      } else {
        out.positional.push_back(std::move(value));
      }
    }
    take_op(",");
    if (at_ == before) ++at_;
  }
  at_ = std::min(end + 1, tokens_.size());
  return out;
}

}  // namespace modelaudit::detect::python
