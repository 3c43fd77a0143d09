#include <algorithm>

#include "detect/python_source/analyser.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect::python {

namespace {

constexpr std::size_t k_max_tokens = 2'000'000;

}  // namespace

Analyser::Analyser(std::string_view source, PythonKind kind, int nesting, PythonJudgement& out) : kind_(kind), nesting_(nesting), out_(out) {
  bool complete = true;
  tokens_ = tokenize(source, k_max_tokens, false, complete);
  if (!complete) out_.gaps.push_back({GapKind::limit, "python: more tokens than are read", {}});
  scopes_.emplace_back();
}

void Analyser::run() {
  while (at_ < tokens_.size()) {
    const std::size_t before = at_;
    line();
    if (at_ == before) ++at_;  // always on
  }
  settle();
}

bool Analyser::is_op(std::string_view op, std::size_t ahead) const {
  const Token* token = peek(ahead);
  return token && token->kind == TokenKind::op && token->text == op;
}

bool Analyser::is_word(std::string_view word, std::size_t ahead) const {
  const Token* token = peek(ahead);
  return token && token->kind == TokenKind::name && token->text == word;
}

bool Analyser::take_op(std::string_view op) {
  if (!is_op(op)) return false;
  ++at_;
  return true;
}

bool Analyser::take_word(std::string_view word) {
  if (!is_word(word)) return false;
  ++at_;
  return true;
}

bool Analyser::at_line_end() const { return at_ >= tokens_.size() || tokens_[at_].kind == TokenKind::newline; }

/// The bracket that closes the one at `open`, or the end.
std::size_t Analyser::closing(std::size_t open) const {
  int depth = 0;
  for (std::size_t i = open; i < tokens_.size(); ++i) {
    if (tokens_[i].kind != TokenKind::op) continue;
    const char c = tokens_[i].text[0];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if ((c == ')' || c == ']' || c == '}') && --depth <= 0) return i;
  }
  return tokens_.size();
}

void Analyser::leave_blocks(std::uint32_t column) {
  while (!blocks_.empty() && column <= blocks_.back().column) {
    const Block& block = blocks_.back();
    if (block.opens_scope && scopes_.size() > 1) scopes_.pop_back();
    if (block.opens_scope) owner_ = block.owner_before;
    if (block.main_guard) --main_guards_;
    blocks_.pop_back();
  }
}

void Analyser::open_block(bool scope, ScopeKind kind, std::string owner, bool main_guard) {
  std::size_t first = at_ == 0 ? 0 : at_ - 1;
  while (first > 0 && tokens_[first - 1].kind != TokenKind::newline) --first;
  Block block;
  block.column = tokens_[first].column;
  block.opens_scope = scope;
  block.main_guard = main_guard;
  block.owner_before = owner_;
  if (scope) {
    scopes_.emplace_back();
    scopes_.back().kind = kind;
    owner_ = std::move(owner);
  }
  if (main_guard) ++main_guards_;
  blocks_.push_back(std::move(block));
}

void Analyser::line() {
  if (at_line_end()) {
    ++at_;
    return;
  }
  leave_blocks(tokens_[at_].column);
  while (!at_line_end()) {
    const std::size_t before = at_;
    simple_statement();
    take_op(";");
    if (at_ == before) ++at_;
  }
  ++at_;
}

void Analyser::simple_statement() {
  take_word("async");
  if (take_word("import")) return read_import();
  if (take_word("from")) return read_from();
  if (is_word("def") && peek(1) && peek(1)->kind == TokenKind::name) return read_def();
  if (is_word("class") && peek(1) && peek(1)->kind == TokenKind::name) return read_class();
  if (take_word("if") || take_word("elif") || take_word("while")) return read_if();
  if (take_word("for")) return read_for();
  if (take_word("with")) return read_with();
  if (take_word("global") || take_word("nonlocal")) {
    while (!at_line_end() && !is_op(";")) ++at_;
    return;
  }
  for (const std::string_view word : {"return", "assert", "raise", "del", "else", "try", "finally", "except", "pass", "break", "continue"}) {
    if (take_word(word)) break;
  }
  if (is_op("@") && peek(1)) {  // a decorator is an expression that is called
    const Token at = tokens_[++at_];
    return judge_call(expression(), {}, at);
  }
  if (take_op(":")) return;
  // Python 2: print x, exec code
  if ((is_word("print") || is_word("exec")) && peek(1) && (peek(1)->kind == TokenKind::string || peek(1)->kind == TokenKind::name) && !is_word("in", 1) && !is_word("if", 1)) {
    const Token& word = *peek();
    ++at_;
    CallArguments arguments;
    arguments.positional.push_back(expression());
    if (word.text == "exec") judge_call(name(word), arguments, word);
    return;
  }
  if (!at_line_end()) expression_statement();
  if (take_word("as") && peek() && peek()->kind == TokenKind::name) bind(tokens_[at_++].text, {});  // except E as e
  take_op(":");
}

std::string Analyser::dotted_name() {
  std::string out;
  while (take_op(".") || take_op("...")) out += ".";
  while (peek() && peek()->kind == TokenKind::name) {
    out += tokens_[at_++].text;
    if (!is_op(".")) break;
    ++at_;
    out += ".";
  }
  return out;
}

void Analyser::read_import() {
  do {
    const Token& start = tokens_[std::min(at_, tokens_.size() - 1)];
    const std::string module = dotted_name();
    if (module.empty()) return;
    judge_fx_import(module, start);
    Value value;
    if (take_word("as")) {
      value.path = module;
      if (peek() && peek()->kind == TokenKind::name) bind(tokens_[at_++].text, std::move(value));
    } else {
      const std::string root = module.substr(0, module.find('.'));
      value.path = root;
      bind(root, std::move(value));
    }
  } while (take_op(","));
}

void Analyser::read_from() {
  const Token& start = tokens_[std::min(at_, tokens_.size() - 1)];
  const std::string module = dotted_name();
  if (!take_word("import")) return;
  judge_fx_import(module, start);
  take_op("(");
  if (take_op("*")) {
    // What the module offers and would be called by its bare name.
    for (const std::string_view known : {"system", "popen", "execv", "execvp", "spawnl", "spawnv", "run", "Popen", "call", "check_output", "check_call",
                                         "CDLL", "loads", "load", "urlopen", "create_connection", "connect", "interact", "spawn"}) {
      const std::string path = module + "." + std::string(known);
      if (classify_call(path) == CallClass::none) continue;
      Value value;
      value.path = path;
      bind(known, std::move(value));
    }
    return;
  }
  while (peek() && peek()->kind == TokenKind::name) {
    const std::string item = tokens_[at_++].text;
    std::string as = item;
    if (take_word("as") && peek() && peek()->kind == TokenKind::name) as = tokens_[at_++].text;
    Value value;
    value.path = module + "." + item;
    bind(as, std::move(value));
    if (!take_op(",")) break;
  }
  take_op(")");
}

void Analyser::read_def() {
  ++at_;
  const std::string function = tokens_[at_++].text;
  const bool method = scopes_.back().kind == ScopeKind::class_body;
  std::string owner = owner_;
  if (method) {
    const auto type = scopes_.back().names.find("__qualname__");
    if (owner.empty() && type != scopes_.back().names.end()) owner = type->second.path + "." + function;
  } else if (owner.empty()) {
    owner = function;
  }
  Value value;
  value.path = "local:" + owner;
  // Defaults and annotations are evaluated where the function is defined.
  std::vector<std::string> parameters;
  if (is_op("[")) at_ = closing(at_) + 1;  // type parameters
  if (is_op("(")) {
    const std::size_t end = closing(at_);
    ++at_;
    while (at_ < end) {
      if (take_op("*") || take_op("**") || take_op(",") || take_op("/")) continue;
      const std::size_t before = at_;
      if (peek()->kind == TokenKind::name) parameters.push_back(tokens_[at_++].text);
      if (take_op(":")) (void)expression();
      if (take_op("=")) (void)expression();
      if (at_ == before) ++at_;
    }
    at_ = end + 1;
  }
  if (take_op("->")) (void)expression();
  bind(function, std::move(value));
  take_op(":");
  open_block(true, ScopeKind::function, std::move(owner), false);
  for (const std::string& parameter : parameters) bind(parameter, {});
}

void Analyser::read_class() {
  ++at_;
  const std::string name = tokens_[at_++].text;
  if (is_op("[")) at_ = closing(at_) + 1;
  if (is_op("(")) (void)arguments();
  Value value;
  value.path = "local:" + name;
  bind(name, std::move(value));
  take_op(":");
  // The body of a class runs at once; the methods in it are owned by it.
  const std::string owner = owner_;
  open_block(true, ScopeKind::class_body, owner, false);
  if (owner.empty()) scopes_.back().names.insert_or_assign("__qualname__", Value{nullptr, name, false, false, false, false});
}

void Analyser::read_if() {
  const bool guard = is_word("__name__") && is_op("==", 1);
  (void)expression();
  if (take_op(":") && guard) open_block(false, ScopeKind::module, {}, true);
}

void Analyser::read_for() {
  const std::size_t from = at_;
  while (!at_line_end() && !is_word("in")) ++at_;
  const std::size_t to = at_;
  take_word("in");
  const Value iterable = expression_list();
  Value item;
  item.secret = iterable.secret;
  if (iterable.known && (iterable.known->is(jinja::ValueKind::list)) && !iterable.known->items.empty()) item.known = iterable.known->items.front();
  bind_target(from, to, item);
  take_op(":");
}

void Analyser::read_with() {
  take_op("(");
  do {
    const Value value = expression();
    if (take_word("as")) {
      const std::size_t from = at_;
      (void)primary();
      bind_target(from, at_, value);
    }
  } while (take_op(","));
  take_op(")");
  take_op(":");
}

void Analyser::bind(std::string_view name, Value value) { scopes_.back().names.insert_or_assign(std::string(name), std::move(value)); }

/// Binds the names in the tokens [from, to): one, or several in a tuple.
void Analyser::bind_target(std::size_t from, std::size_t to, const Value& value) {
  if (to == from + 1 && tokens_[from].kind == TokenKind::name) return bind(tokens_[from].text, value);
  std::size_t position = 0;
  for (std::size_t i = from; i < to; ++i) {
    const Token& token = tokens_[i];
    if (token.kind == TokenKind::op && (token.text == "." || token.text == "[")) return;  // an attribute or element
    if (token.kind != TokenKind::name) continue;
    Value part;
    part.secret = value.secret;
    const bool fits = value.known && value.known->is(jinja::ValueKind::list) && position < value.known->items.size();
    if (fits) part.known = value.known->items[position];
    ++position;
    bind(token.text, std::move(part));
  }
}

void Analyser::expression_statement() {
  std::vector<std::pair<std::size_t, std::size_t>> targets;
  std::size_t from = at_;
  Value value = expression_list();
  while (true) {
    const std::size_t to = at_;
    if (take_op(":")) {  // annotation
      if (at_line_end()) return;
      (void)expression();
      if (!is_op("=")) return;
    }
    if (take_op("=")) {
      targets.emplace_back(from, to);
    } else if (peek() && peek()->kind == TokenKind::op && peek()->text.size() >= 2 && peek()->text.ends_with('=') &&
               std::string_view("+-*/%&|^@<>").find(peek()->text[0]) != std::string_view::npos && peek()->text != "<=" && peek()->text != ">=") {
      const std::string op = peek()->text.substr(0, peek()->text.size() - 1);
      ++at_;
      const Value right = expression_list();
      Value sum;
      if (value.known && right.known) sum.known = jinja::fold_binary(op, *value.known, *right.known);
      sum.folded = true;
      sum.decoded = value.decoded || right.decoded;
      sum.secret = value.secret || right.secret;
      return bind_target(from, to, sum);
    } else {
      break;
    }
    from = at_;
    value = expression_list();
  }
  for (const auto& [start, end] : targets) bind_target(start, end, value);
}

}  // namespace modelaudit::detect::python
