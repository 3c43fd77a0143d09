#include <algorithm>

#include "detect/templates/interpreter.hpp"
#include "detect/templates/lookups.hpp"
#include "modelaudit/bytes.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect::jinja {

namespace {

constexpr std::uint64_t k_most_steps = 2'000'000;
constexpr std::size_t k_kept_text = 512;  // of what is printed but not captured: enough to see a URL before a value

ValuePtr macro_value(const Statement& definition) {
  auto out = std::make_shared<Value>();
  out->kind = ValueKind::macro;
  out->definition = &definition;
  return out;
}

/// Names that statements below define, so that they are not taken for the engine's own objects.
void collect_names(const Body& body, std::set<std::string>& names, std::vector<const Statement*>& macros) {
  for (const Statement& statement : body) {
    switch (statement.kind) {
      case StatementKind::set:
      case StatementKind::loop:
      case StatementKind::with:
      case StatementKind::macro: names.insert(statement.names.begin(), statement.names.end()); break;
      case StatementKind::include: names.insert(statement.names.begin() + 1, statement.names.end()); break;
      default: break;
    }
    if (statement.kind == StatementKind::macro) macros.push_back(&statement);
    for (const Body& inner : statement.bodies) collect_names(inner, names, macros);
  }
}

}  // namespace

Interpreter::Interpreter(std::string_view source, TemplateJudgement& out) : source_(source), out_(out) {
  scopes_.emplace_back();
  sinks_.emplace_back();
  line_starts_.push_back(0);
  for (std::size_t at = source.find('\n'); at != std::string_view::npos; at = source.find('\n', at + 1)) line_starts_.push_back(at + 1);
}

void Interpreter::run(const Template& tree) {
  collect_names(tree.body, assigned_, macros_);
  judge_literals(tree);
  execute(tree.body);
  run_uncalled_macros();
}

void Interpreter::run_uncalled_macros() {
  for (const Statement* macro : macros_) {
    if (called_.count(macro) == 0) call_macro(*macro, {});
  }
}

bool Interpreter::step(std::size_t offset) {
  if (++steps_ <= k_most_steps) return true;
  if (!exhausted_) {
    exhausted_ = true;
    unfollowed("template: more work than can be followed", offset);
  }
  return false;
}

void Interpreter::execute(const Body& body) {
  for (const Statement& statement : body) {
    if (exhausted_) return;
    execute(statement);
  }
}

void Interpreter::execute(const Statement& statement) {
  if (!step(statement.offset)) return;
  switch (statement.kind) {
    case StatementKind::text: return emit_text(statement.text);
    case StatementKind::output: return emit(evaluate(*statement.exprs[0]), statement.offset);
    case StatementKind::set: return execute_set(statement);
    case StatementKind::branch: return execute_branch(statement);
    case StatementKind::loop: return execute_loop(statement);
    case StatementKind::macro: return assign(statement.names[0], macro_value(statement));
    case StatementKind::call: return execute_call_block(statement);
    case StatementKind::filter: {
      ValuePtr text = captured(statement.bodies[0]);
      // The filters hang on an empty subject: put the text there.
      std::vector<const Expr*> chain;
      for (const Expr* at = statement.exprs[0].get(); at; at = at->kids.empty() ? nullptr : at->kids[0].get()) chain.push_back(at);
      for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
        if ((*at)->kind == ExprKind::filter) text = evaluate_filter(**at, text);
      }
      return emit(text, statement.offset);
    }
    case StatementKind::with: {
      Scope scope;
      for (std::size_t i = 0; i < statement.exprs.size(); ++i) scope.insert_or_assign(statement.names[i], evaluate(*statement.exprs[i]));
      scopes_.push_back(std::move(scope));
      execute(statement.bodies[0]);
      scopes_.pop_back();
      return;
    }
    case StatementKind::block: return execute(statement.bodies[0]);
    case StatementKind::include: return execute_include(statement);
    case StatementKind::expression:
    case StatementKind::unknown:
      for (const ExprPtr& expr : statement.exprs) {
        if (expr) evaluate(*expr);
      }
      return;
  }
}

void Interpreter::execute_branch(const Statement& statement) {
  bool certain = true;  // no guard so far may have been false or true for all we know
  for (std::size_t i = 0; i < statement.bodies.size(); ++i) {
    Truth taken = Truth::yes;
    if (i < statement.exprs.size()) {
      taken = truth(*evaluate(*statement.exprs[i]));
      judge_trigger(*statement.exprs[i], statement.bodies[i]);
    }
    const bool surely = certain && taken == Truth::yes;
    if (!surely) ++conditional_;
    execute(statement.bodies[i]);  // dead branches too: what they would look up tells what they are for
    if (!surely) --conditional_;
    if (taken != Truth::no) certain = false;
  }
}

void Interpreter::execute_loop(const Statement& statement) {
  const ValuePtr iterable = evaluate(*statement.exprs[0]);
  std::vector<ValuePtr> items;
  const bool known = elements(*iterable, items);
  const std::uint64_t times = known ? items.size() : iterable->number > 0 ? static_cast<std::uint64_t>(iterable->number) : 1;
  const std::uint64_t before = repetitions_;
  repetitions_ = checked_mul(before, std::max<std::uint64_t>(times, 1)).value_or(UINT64_MAX);
  judge_size(repetitions_ > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(repetitions_), statement.offset, "nests loops");
  if (!known) {
    // Twice: what the first round leaves behind is there in the second.
    ValuePtr item = unknown(has_input(*iterable));
    if (iterable->is(ValueKind::choice)) {
      for (const ValuePtr& one : iterable->items) {
        std::vector<ValuePtr> more;
        if (!elements(*one, more)) continue;
        for (const ValuePtr& element : more) item = either(element, item);
      }
    }
    items = {item, item};
    ++conditional_;
  }
  scopes_.emplace_back();
  for (const ValuePtr& item : items) {
    if (exhausted_) break;
    scopes_.back().clear();
    scopes_.back().insert_or_assign("loop", builtin("loop"));
    bind(statement.names, item);
    if (statement.exprs[1]) evaluate(*statement.exprs[1]);
    execute(statement.bodies[0]);
  }
  scopes_.pop_back();
  if (!known) --conditional_;
  repetitions_ = before;
  if (!statement.bodies[1].empty()) {
    ++conditional_;
    execute(statement.bodies[1]);
    --conditional_;
  }
}

void Interpreter::bind(const std::vector<std::string>& names, const ValuePtr& value) {
  if (names.size() == 1) return (void)scopes_.back().insert_or_assign(names[0], value);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool fits = value->is(ValueKind::list) && i < value->items.size();
    scopes_.back().insert_or_assign(names[i], fits ? value->items[i] : unknown(has_input(*value)));
  }
}

void Interpreter::assign(const std::string& target, const ValuePtr& value) {
  const std::size_t dot = target.find('.');
  if (dot == std::string::npos) {
    // `set` in a branch that may not be taken leaves either value.
    const ValuePtr earlier = conditional_ > 0 ? find(target) : nullptr;
    scopes_.back().insert_or_assign(target, earlier ? either(value, earlier) : value);
    return;
  }
  const ValuePtr space = find(std::string_view(target).substr(0, dot));
  if (!space || !space->is(ValueKind::space)) return;
  const std::string name = target.substr(dot + 1);
  const ValuePtr kept = detached(value);
  for (auto& [key, entry] : space->entries) {
    if (key->text != name) continue;
    entry = conditional_ > 0 ? either(kept, entry) : kept;
    return;
  }
  if (space->entries.size() < k_longest_list) space->entries.emplace_back(string(name), kept);
}

void Interpreter::execute_set(const Statement& statement) {
  ValuePtr value;
  if (!statement.bodies.empty()) {
    value = captured(statement.bodies[0]);
    if (!statement.exprs.empty()) value = evaluate_filter(*statement.exprs[0], value);
  } else {
    value = evaluate(*statement.exprs[0]);
  }
  if (statement.names.size() == 1) return assign(statement.names[0], value);
  for (std::size_t i = 0; i < statement.names.size(); ++i) {
    const bool fits = value->is(ValueKind::list) && i < value->items.size();
    assign(statement.names[i], fits ? value->items[i] : unknown(has_input(*value)));
  }
}

void Interpreter::execute_include(const Statement& statement) {
  const ValuePtr target = evaluate(*statement.exprs[0]);
  std::string shown = target->is(ValueKind::string) ? target->text : std::string();
  Severity severity = Severity::warning;
  for (const ValuePtr& one : alternatives(target)) {
    const std::string& name = one->text;
    const bool outside = name.starts_with('/') || name.starts_with('\\') || name.find("://") != std::string::npos ||
                         name.find("..") != std::string::npos || (name.size() > 2 && name[1] == ':');
    if (outside) severity = Severity::critical;
  }
  report(rules::jinja_include, severity, severity == Severity::critical ? "Template reads a file outside its folder" : "Template reads another template",
         statement.offset, {{"tag", statement.names[0]}, {"target", std::move(shown)}});
}

void Interpreter::execute_call_block(const Statement& statement) {
  Scope scope;
  for (const std::string& name : statement.names) scope.insert_or_assign(name, unknown());
  scopes_.push_back(std::move(scope));
  const ValuePtr body = captured(statement.bodies[0]);
  scopes_.back().insert_or_assign("caller", builtin("caller"));
  const ValuePtr out = evaluate(*statement.exprs[0]);
  scopes_.pop_back();
  emit(either(out, body), statement.offset);
}

ValuePtr Interpreter::captured(const Body& body) {
  sinks_.emplace_back();
  execute(body);
  const Sink sink = std::move(sinks_.back());
  sinks_.pop_back();
  return text_of(sink);
}

ValuePtr Interpreter::text_of(const Sink& sink) const {
  if (sink.exact) return string(sink.text);
  const ValuePtr out = unknown(sink.input);
  out->text = sink.text.substr(sink.text.size() - std::min(sink.text.size(), k_kept_text));
  return out;
}

void Interpreter::emit_text(std::string_view text) {
  Sink& sink = sinks_.back();
  sink.text.append(text);
  const bool captures = sinks_.size() > 1;
  if (captures && sink.text.size() <= k_longest_string) return;
  sink.exact = false;
  if (sink.text.size() > 2 * k_kept_text) sink.text.erase(0, sink.text.size() - k_kept_text);
}

void Interpreter::emit(const ValuePtr& value, std::size_t offset) {
  std::string text;
  if (conditional_ == 0 && !value->is(ValueKind::choice) && to_text(*value, text)) return emit_text(text);
  if (value->is(ValueKind::string)) return emit_text(value->text);  // inside a branch: its text, if it is taken
  Sink& sink = sinks_.back();
  if (!value->built && !value->is(ValueKind::choice)) judge_url(sink.text, *value, offset);
  if (value->is(ValueKind::choice)) {
    // The most recent alternative stands for all where text is put together.
    const ValuePtr& one = value->items.front();
    if (to_text(*one, text)) return emit_text(text);
  }
  sink.exact = false;
  sink.input = sink.input || has_input(*value);
  sink.text = value->text.substr(value->text.size() - std::min(value->text.size(), k_kept_text));
}

}  // namespace modelaudit::detect::jinja
