#include <algorithm>

#include "detect/templates/interpreter.hpp"
#include "detect/templates/lookups.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect::jinja {

namespace {

constexpr std::size_t k_most_pairs = 16;      // alternatives followed of an operation on two choices
constexpr int k_recursion = 2;                // of one macro: schema printers call themselves
constexpr std::size_t k_macro_depth = 16;
constexpr std::int64_t k_longest_range = 4096;

bool input_of(const ValuePtr& left, const ValuePtr& right) { return has_input(*left) || (right && has_input(*right)); }

bool is_textual(const Value& value) { return value.is(ValueKind::string) || value.built; }

}  // namespace

template <typename Fold>
ValuePtr Interpreter::lifted(const ValuePtr& left, const ValuePtr& right, Fold fold) {
  ValuePtr out;
  std::size_t pairs = 0;
  for (const ValuePtr& a : alternatives(left)) {
    for (const ValuePtr& b : right ? alternatives(right) : std::vector<ValuePtr>{nullptr}) {
      if (++pairs > k_most_pairs) break;
      ValuePtr one = fold(a, b);
      out = out ? either(out, one) : one;
    }
  }
  return out;
}

ValuePtr Interpreter::find(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto at = scope->find(name);
    if (at != scope->end()) return at->second;
  }
  return nullptr;
}

ValuePtr Interpreter::evaluate(const Expr& expr) {
  if (!step(expr.offset)) return unknown();
  switch (expr.kind) {
    case ExprKind::name: return evaluate_name(expr);
    case ExprKind::string: return string(expr.text);
    case ExprKind::integer: return integer(expr.number);
    case ExprKind::real: return real(expr.real);
    case ExprKind::boolean: return boolean(expr.number != 0);
    case ExprKind::none: return none();
    case ExprKind::list:
    case ExprKind::tuple: {
      std::vector<ValuePtr> items;
      for (const ExprPtr& kid : expr.kids) items.push_back(evaluate(*kid));
      return list(std::move(items));
    }
    case ExprKind::dict: {
      auto out = std::make_shared<Value>();
      out->kind = ValueKind::dict;
      for (std::size_t i = 0; i + 1 < expr.kids.size(); i += 2) {
        ValuePtr key = evaluate(*expr.kids[i]);
        ValuePtr value = evaluate(*expr.kids[i + 1]);
        out->entries.emplace_back(std::move(key), std::move(value));
      }
      return out;
    }
    case ExprKind::attribute:
    case ExprKind::subscript: return evaluate_access(expr);
    case ExprKind::slice: return unknown();  // only within a subscript
    case ExprKind::call: return evaluate_call(expr);
    case ExprKind::filter: return evaluate_filter(expr, evaluate(*expr.kids[0]));
    case ExprKind::test: {
      evaluate(*expr.kids[0]);
      bool unpacked = false;
      evaluate_arguments(expr.arguments, unpacked);
      return unknown();
    }
    case ExprKind::unary: {
      const ValuePtr value = evaluate(*expr.kids[0]);
      if (expr.text == "not") return value->is_constant() ? boolean(truth(*value) == Truth::no) : unknown();
      if (value->is_number() && value->number > INT64_MIN) return integer(expr.text == "-" ? -value->number : value->number);
      return numeric();
    }
    case ExprKind::binary: return evaluate_binary(expr);
    case ExprKind::concat: return evaluate_concat(expr);
    case ExprKind::condition: {
      const ValuePtr guard = evaluate(*expr.kids[1]);
      const ValuePtr yes = evaluate(*expr.kids[0]);
      const ValuePtr no = expr.kids.size() > 2 ? evaluate(*expr.kids[2]) : unknown();
      if (truth(*guard) == Truth::yes) return yes;
      return truth(*guard) == Truth::no ? no : either(yes, no);
    }
  }
  return unknown();
}

ValuePtr Interpreter::evaluate_name(const Expr& expr) {
  if (ValuePtr value = find(expr.text)) return value;
  if (assigned_.count(expr.text) == 0 && is_builtin_object(expr.text)) return builtin(expr.text);
  return unknown(is_input_name(expr.text));
}

ValuePtr Interpreter::evaluate_binary(const Expr& expr) {
  const ValuePtr left = evaluate(*expr.kids[0]);
  const ValuePtr right = evaluate(*expr.kids[1]);
  const std::string& op = expr.text;
  if (op == "and" || op == "or") {
    const Truth first = truth(*left);
    if (first != Truth::unknown) return (first == Truth::yes) == (op == "or") ? left : right;
    return either(right, left);
  }
  return lifted(left, right, [&](const ValuePtr& a, const ValuePtr& b) -> ValuePtr {
    if (op == "%" && a->is(ValueKind::string)) judge_size(widest_field(a->text), expr.offset, "pads a text");
    if (ValuePtr folded = fold_binary(op, *a, *b)) return folded;
    const bool input = input_of(a, b);
    if (op == "*" && (a->is_number() || b->is_number())) {
      const Value& times = a->is_number() ? *a : *b;
      const Value& what = a->is_number() ? *b : *a;
      if (what.is(ValueKind::string)) judge_size(times.number > 0 ? times.number : 0, expr.offset, "repeats a text");
      if (what.is(ValueKind::list)) judge_size(times.number > 0 ? times.number : 0, expr.offset, "repeats a list");
    }
    if (op == "**" && b->is_number()) judge_size(b->number, expr.offset, "raises a number to a power");
    if (op == "+" && (is_textual(*a) || is_textual(*b))) {
      const ValuePtr out = built(input);
      judge_url(a->text, *b, expr.offset);
      if (b->is(ValueKind::string)) out->text = b->text.substr(b->text.size() - std::min<std::size_t>(b->text.size(), 256));
      return out;
    }
    if (op == "%" && a->is(ValueKind::string)) return built(input);
    if (op == "%" || op == "-" || op == "//" || op == "/" || op == "**") return numeric();
    return unknown(input);
  });
}

ValuePtr Interpreter::evaluate_concat(const Expr& expr) {
  std::string tail;
  ValuePtr whole = string("");
  for (const ExprPtr& kid : expr.kids) {
    const ValuePtr piece = evaluate(*kid);
    whole = lifted(whole, piece, [&](const ValuePtr& a, const ValuePtr& b) -> ValuePtr {
      std::string text;
      if (a->is(ValueKind::string) && to_text(*b, text)) return string(a->text + text);
      if (!b->is(ValueKind::string)) judge_url(a->text, *b, kid->offset);
      const ValuePtr out = built(input_of(a, b));
      if (b->is(ValueKind::string)) out->text = (a->text + b->text).substr(a->text.size() + b->text.size() - std::min<std::size_t>(a->text.size() + b->text.size(), 256));
      return out;
    });
  }
  return whole;
}

ValuePtr Interpreter::access(const ValuePtr& base, const ValuePtr& key, By by) const {
  ValuePtr out;
  for (const ValuePtr& from : alternatives(base)) {
    for (const ValuePtr& name : alternatives(key)) {
      ValuePtr one;
      const bool holder = from->is(ValueKind::dict) || from->is(ValueKind::space);
      if (by != By::filter && (holder || name->is_number())) one = fold_subscript(*from, *name);
      const bool has_methods = from->is(ValueKind::string) || from->is(ValueKind::list) || from->is(ValueKind::dict);
      if (!one && name->is(ValueKind::string) && (has_methods || from->is(ValueKind::builtin))) {
        one = std::make_shared<Value>();
        one->kind = ValueKind::method;
        one->text = name->text;
        one->items.push_back(from);
        // Whatever hangs off an object of the engine stays suspect: `cycler.x.os`.
        if (from->is(ValueKind::builtin) && judge_builtin_access(from->text, name->text) == Access::hostile) one = builtin("object");
      }
      if (!one && from->is(ValueKind::builtin) && from->text == "loop") one = unknown();
      if (!one) one = unknown(has_input(*from));
      out = out ? either(out, one) : one;
    }
  }
  return out ? out : unknown();
}

ValuePtr Interpreter::evaluate_access(const Expr& expr) {
  const ValuePtr base = evaluate(*expr.kids[0]);
  if (expr.kind == ExprKind::attribute) {
    const ValuePtr key = string(expr.text);
    judge_access(base, key, By::attribute, expr.offset);
    if (base->is(ValueKind::builtin) && base->text == "loop" && (expr.text.find("index") != std::string::npos || expr.text == "length")) return numeric();
    return access(base, key, By::attribute);
  }
  const Expr& key_expr = *expr.kids[1];
  if (key_expr.kind == ExprKind::slice) {
    ValuePtr bounds[3];
    for (std::size_t i = 0; i < 3; ++i) bounds[i] = key_expr.kids[i] ? evaluate(*key_expr.kids[i]) : nullptr;
    return lifted(base, nullptr, [&](const ValuePtr& from, const ValuePtr&) -> ValuePtr {
      if (from->is(ValueKind::builtin)) {
        std::string text;
        if (to_text(*from, text)) return unknown();
      }
      if (ValuePtr cut = fold_slice(*from, bounds[0], bounds[1], bounds[2])) return cut;
      return is_textual(*from) ? built(has_input(*from)) : unknown(has_input(*from));
    });
  }
  const ValuePtr key = evaluate(key_expr);
  judge_access(base, key, By::subscript, expr.offset);
  return access(base, key, By::subscript);
}

Arguments Interpreter::evaluate_arguments(const std::vector<Argument>& arguments, bool& unpacked) {
  Arguments out;
  for (const Argument& argument : arguments) {
    ValuePtr value = evaluate(*argument.value);
    if (argument.unpacked) {
      if (value->is(ValueKind::list)) {
        out.positional.insert(out.positional.end(), value->items.begin(), value->items.end());
      } else if (value->is(ValueKind::dict)) {
        for (const auto& [key, entry] : value->entries) {
          if (key->is(ValueKind::string)) out.named.emplace_back(key->text, entry);
        }
      } else {
        unpacked = true;
      }
    } else if (argument.name.empty()) {
      out.positional.push_back(std::move(value));
    } else {
      out.named.emplace_back(argument.name, std::move(value));
    }
  }
  return out;
}

ValuePtr Interpreter::evaluate_call(const Expr& expr) {
  const Expr& target = *expr.kids[0];
  if (target.kind == ExprKind::name && assigned_.count(target.text) == 0 && is_code_function(target.text)) {
    report(rules::ssti_call, Severity::critical, "Template calls a function that runs code or reaches files", expr.offset, {{"function", target.text}});
  }
  const ValuePtr callee = evaluate(target);
  if (target.kind == ExprKind::attribute && is_process_method(target.text) && !callee->is(ValueKind::macro)) {
    report(rules::ssti_call, Severity::critical, "Template calls a method that starts programs or imports modules", expr.offset, {{"function", target.text}});
  }
  bool unpacked = false;
  const Arguments arguments = evaluate_arguments(expr.arguments, unpacked);
  return lifted(callee, nullptr, [&](const ValuePtr& one, const ValuePtr&) -> ValuePtr {
    if (unpacked && !one->is(ValueKind::macro)) return unknown(has_input(*one));
    switch (one->kind) {
      case ValueKind::builtin: return call_builtin(expr, *one, arguments);
      case ValueKind::method: return call_method(expr, *one, arguments);
      case ValueKind::macro: return call_macro(*one->definition, arguments);
      default: return unknown(has_input(*one));
    }
  });
}

ValuePtr Interpreter::make_range(const Expr& expr, const Arguments& arguments) {
  std::int64_t bounds[3] = {0, 0, 1};
  for (std::size_t i = 0; i < arguments.positional.size() && i < 3; ++i) {
    if (!arguments.positional[i]->is_number()) return unknown();
    bounds[arguments.positional.size() == 1 ? 1 : i] = arguments.positional[i]->number;
  }
  const std::int64_t step_by = bounds[2];
  std::int64_t span = 0;
  if (step_by == 0 || __builtin_sub_overflow(bounds[1], bounds[0], &span)) return unknown();
  if ((span > 0) != (step_by > 0) || span == 0) return list({});
  const std::int64_t count = span / step_by + (span % step_by != 0 ? 1 : 0);
  judge_size(count, expr.offset, "counts through a range");
  if (count > k_longest_range) {
    const ValuePtr out = unknown();
    out->number = count;  // how often a loop over it runs
    return out;
  }
  std::vector<ValuePtr> items;
  for (std::int64_t i = 0; i < count; ++i) items.push_back(integer(bounds[0] + i * step_by));
  return list(std::move(items));
}

ValuePtr Interpreter::call_builtin(const Expr& expr, const Value& callee, const Arguments& arguments) {
  if (callee.text == "range") return make_range(expr, arguments);
  if (callee.text == "dict" || callee.text == "namespace") {
    auto out = std::make_shared<Value>();
    out->kind = callee.text == "dict" ? ValueKind::dict : ValueKind::space;
    for (const ValuePtr& from : arguments.positional) {
      std::vector<ValuePtr> pairs;
      if (from->is(ValueKind::dict)) {
        const ValuePtr copy = detached(from);
        out->entries.insert(out->entries.end(), copy->entries.begin(), copy->entries.end());
      } else if (elements(*from, pairs)) {
        for (const ValuePtr& pair : pairs) {
          if (pair->is(ValueKind::list) && pair->items.size() == 2) out->entries.emplace_back(pair->items[0], detached(pair->items[1]));
        }
      }
    }
    for (const auto& [key, value] : arguments.named) out->entries.emplace_back(string(key), detached(value));
    return out;
  }
  if (callee.text == "lipsum") {
    for (const ValuePtr& count : arguments.positional) {
      if (count->is_number()) judge_size(count->number, expr.offset, "makes filler text");
    }
    return unknown();
  }
  if (callee.text == "cycler" || callee.text == "joiner") return builtin(callee.text);
  if (callee.text == "object") return builtin("object");
  return unknown();
}

ValuePtr Interpreter::call_method(const Expr& expr, const Value& method, const Arguments& arguments) {
  const ValuePtr& subject = method.items.front();
  if (method.text == "format" || method.text == "format_map") {
    if (subject->is(ValueKind::string)) {
      judge_format(subject->text, expr.offset);
      judge_size(widest_field(subject->text), expr.offset, "pads a text");
    }
    if (expr.kids[0]->kind != ExprKind::attribute) {
      report(rules::ssti_format, Severity::warning, "Template reaches str.format by a detour", expr.offset);
    }
  }
  if (method.text == "center" || method.text == "ljust" || method.text == "rjust" || method.text == "zfill") {
    if (const ValuePtr width = arguments.get(0, ""); width && width->is_number()) judge_size(width->number, expr.offset, "pads a text");
  }
  if (method.text == "cycle" && subject->is(ValueKind::builtin) && !arguments.positional.empty()) {
    ValuePtr out = arguments.positional.front();
    for (const ValuePtr& one : arguments.positional) out = either(out, one);
    return out;
  }
  if (ValuePtr folded = fold_method(subject, method.text, arguments)) return folded;
  bool input = has_input(*subject);
  for (const ValuePtr& argument : arguments.positional) input = input || has_input(*argument);
  return subject->is(ValueKind::string) ? built(input) : unknown(input);
}

ValuePtr Interpreter::call_macro(const Statement& macro, const Arguments& arguments) {
  called_.insert(&macro);
  int& depth = running_[&macro];
  if (depth >= k_recursion || scopes_.size() > 4 * k_macro_depth) return unknown();
  ++depth;
  Scope scope;
  for (std::size_t i = 0; i + 1 < macro.names.size() + 0; ++i) {
    ValuePtr value = arguments.get(i, macro.names[i + 1]);
    if (!value && macro.exprs[i]) value = evaluate(*macro.exprs[i]);
    scope.insert_or_assign(macro.names[i + 1], value ? value : unknown());
  }
  std::vector<ValuePtr> rest;
  for (std::size_t i = macro.names.size() - 1; i < arguments.positional.size(); ++i) rest.push_back(arguments.positional[i]);
  scope.insert_or_assign("varargs", list(std::move(rest)));
  auto named = std::make_shared<Value>();
  named->kind = ValueKind::dict;
  for (const auto& [key, value] : arguments.named) named->entries.emplace_back(string(key), value);
  scope.insert_or_assign("kwargs", named);
  scopes_.push_back(std::move(scope));
  ValuePtr out = captured(macro.bodies[0]);
  scopes_.pop_back();
  --running_[&macro];
  return out;
}

ValuePtr Interpreter::evaluate_filter(const Expr& expr, const ValuePtr& subject) {
  bool unpacked = false;
  const Arguments arguments = evaluate_arguments(expr.arguments, unpacked);
  return lifted(subject, nullptr, [&](const ValuePtr& one, const ValuePtr&) -> ValuePtr {
    // Arguments may be choices too: the filters that build keys take one each.
    const bool choosy = !arguments.positional.empty() && arguments.positional[0]->is(ValueKind::choice);
    if (!choosy) return evaluate_filter_on(expr, one, arguments);
    ValuePtr out;
    for (const ValuePtr& choice : arguments.positional[0]->items) {
      Arguments with = arguments;
      with.positional[0] = choice;
      ValuePtr made = evaluate_filter_on(expr, one, with);
      out = out ? either(out, made) : made;
    }
    return out;
  });
}

ValuePtr Interpreter::evaluate_filter_on(const Expr& expr, const ValuePtr& subject, const Arguments& arguments) {
  const std::string& name = expr.text;
  const ValuePtr first = arguments.get(0, "");
  if (name == "attr" && first) {
    judge_access(subject, first, By::filter, expr.offset);
    return access(subject, first, By::filter);
  }
  if (name == "map" && first && first->is(ValueKind::string) && first->text == "attr" && arguments.positional.size() > 1) {
    judge_access(subject, arguments.positional[1], By::filter, expr.offset);
    return unknown(has_input(*subject));
  }
  const bool keyed_by_first = name == "selectattr" || name == "rejectattr" || name == "groupby";
  ValuePtr key = arguments.get(std::string::npos, "attribute");
  if (!key && keyed_by_first) key = first;
  if (!key && name == "sum" && first && first->is(ValueKind::string)) key = first;
  if (!key && name == "join" && arguments.positional.size() > 1) key = arguments.positional[1];
  if (key && (keyed_by_first || name == "map" || name == "sort" || name == "unique" || name == "sum" || name == "min" || name == "max" || name == "join")) {
    judge_dotted_keys(subject, key, expr.offset);
    return unknown(has_input(*subject));
  }
  if (name == "format" && subject->is(ValueKind::string)) judge_size(widest_field(subject->text), expr.offset, "pads a text");
  if (name == "map" && first && first->is(ValueKind::string) && first->text == "format") {
    std::vector<ValuePtr> formats;
    if (elements(*subject, formats)) {
      for (const ValuePtr& format : formats) judge_size(widest_field(format->text), expr.offset, "pads a text");
    }
  }
  if ((name == "center" || name == "indent") && first && first->is_number()) judge_size(first->number, expr.offset, "pads a text");
  if (name == "xmlattr" && !subject->is(ValueKind::dict)) {
    report(rules::ssti_format, Severity::warning, "Template makes attributes of markup from keys that are not known", expr.offset);
  }
  if (name == "random") {
    std::vector<ValuePtr> all;
    if (elements(*subject, all) && !all.empty()) {
      ValuePtr out = all.front();
      for (const ValuePtr& one : all) out = either(out, one);
      return out;
    }
  }
  if (ValuePtr folded = fold_filter(name, subject, arguments)) return folded;
  bool input = has_input(*subject);
  for (const ValuePtr& argument : arguments.positional) input = input || has_input(*argument);
  if (name == "default" || name == "d") return first ? either(subject, first) : subject;
  if (name == "length" || name == "count" || name == "int" || name == "float" || name == "abs" || name == "round") return numeric();
  static constexpr std::string_view k_text_makers[] = {"join", "format", "replace", "lower", "upper", "string", "trim", "title", "capitalize", "center"};
  const bool makes_text = std::find(std::begin(k_text_makers), std::end(k_text_makers), name) != std::end(k_text_makers);
  return makes_text && (subject->built || !input) ? built(input) : unknown(input);
}

}  // namespace modelaudit::detect::jinja
