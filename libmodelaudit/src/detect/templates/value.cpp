#include "detect/templates/value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace modelaudit::detect::jinja {

namespace {

constexpr int k_deepest_copy = 8;
constexpr int k_deepest_text = 16;

ValuePtr make(ValueKind kind) {
  auto value = std::make_shared<Value>();
  value->kind = kind;
  return value;
}

ValuePtr copy(const ValuePtr& value, int depth, std::size_t& left) {
  const bool container = value->is(ValueKind::list) || value->is(ValueKind::dict);
  if (!container) {
    const bool holds = value->is(ValueKind::space) || value->is(ValueKind::choice) || value->is(ValueKind::method);
    return holds ? unknown(has_input(*value)) : value;
  }
  if (depth == 0 || left < value->items.size() + value->entries.size() + 1) return unknown(has_input(*value));
  left -= value->items.size() + value->entries.size() + 1;
  ValuePtr out = make(value->kind);
  for (const ValuePtr& item : value->items) out->items.push_back(copy(item, depth - 1, left));
  for (const auto& [key, entry] : value->entries) out->entries.emplace_back(copy(key, depth - 1, left), copy(entry, depth - 1, left));
  return out;
}

/// repr() of a str: single quotes unless there is one inside and no double quote.
void append_quoted(const std::string& text, std::string& out) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  out.push_back(quote);
  for (const char c : text) {
    if (c == '\n') out += "\\n";
    else if (c == '\\') out += "\\\\";
    else if (c == quote) (out += '\\') += c;
    else out.push_back(c);
  }
  out.push_back(quote);
}

bool append_text(const Value& value, bool quoted, int depth, std::string& out) {
  if (depth == 0 || out.size() > k_longest_string) return false;
  switch (value.kind) {
    case ValueKind::none: out += "None"; return true;
    case ValueKind::boolean: out += value.number != 0 ? "True" : "False"; return true;
    case ValueKind::integer: out += std::to_string(value.number); return true;
    case ValueKind::real: {
      if (!std::isfinite(value.real)) return false;
      std::string digits = std::to_string(value.real);
      while (digits.ends_with('0') && !digits.ends_with(".0")) digits.pop_back();
      out += digits;
      return true;
    }
    case ValueKind::string:
      if (quoted) append_quoted(value.text, out);
      else out += value.text;
      return true;
    case ValueKind::list: {
      out.push_back('[');
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i != 0) out += ", ";
        if (!append_text(*value.items[i], true, depth - 1, out)) return false;
      }
      out.push_back(']');
      return true;
    }
    case ValueKind::dict: {
      out.push_back('{');
      for (std::size_t i = 0; i < value.entries.size(); ++i) {
        if (i != 0) out += ", ";
        if (!append_text(*value.entries[i].first, true, depth - 1, out)) return false;
        out += ": ";
        if (!append_text(*value.entries[i].second, true, depth - 1, out)) return false;
      }
      out.push_back('}');
      return true;
    }
    case ValueKind::builtin: {
      // How CPython prints the engine's own objects: attackers take characters from that text.
      struct Printed {
        std::string_view name, text;
      };
      static constexpr Printed k_printed[] = {{"lipsum", "<function generate_lorem_ipsum at 0x"},
                                              {"dict", "<class 'dict'>"},
                                              {"range", "<class 'range'>"},
                                              {"cycler", "<class 'jinja2.utils.Cycler'>"},
                                              {"joiner", "<class 'jinja2.utils.Joiner'>"},
                                              {"namespace", "<class 'jinja2.utils.Namespace'>"},
                                              {"self", "<TemplateReference None>"},
                                              {"generator", "<generator object select_or_reject at 0x"}};
      for (const Printed& printed : k_printed) {
        if (value.text != printed.name) continue;
        out += printed.text;
        return true;
      }
      return false;
    }
    default: return false;
  }
}

}  // namespace

ValuePtr unknown(bool input) {
  ValuePtr value = make(ValueKind::unknown);
  value->input = input;
  return value;
}

ValuePtr built(bool input) {
  ValuePtr value = unknown(input);
  value->built = true;
  return value;
}

ValuePtr numeric() {
  ValuePtr value = unknown();
  value->numeric = true;
  return value;
}

ValuePtr none() { return make(ValueKind::none); }

ValuePtr boolean(bool value) {
  ValuePtr out = make(ValueKind::boolean);
  out->number = value ? 1 : 0;
  return out;
}

ValuePtr integer(std::int64_t value) {
  ValuePtr out = make(ValueKind::integer);
  out->number = value;
  return out;
}

ValuePtr real(double value) {
  ValuePtr out = make(ValueKind::real);
  out->real = value;
  return out;
}

ValuePtr string(std::string text) {
  if (text.size() > k_longest_string) return built(false);
  ValuePtr out = make(ValueKind::string);
  out->text = std::move(text);
  return out;
}

ValuePtr list(std::vector<ValuePtr> items) {
  if (items.size() > k_longest_list) return unknown();
  ValuePtr out = make(ValueKind::list);
  out->items = std::move(items);
  return out;
}

ValuePtr builtin(std::string name) {
  ValuePtr out = make(ValueKind::builtin);
  out->text = std::move(name);
  return out;
}

std::vector<ValuePtr> alternatives(const ValuePtr& value) {
  if (value->is(ValueKind::choice)) return value->items;
  return {value};
}

ValuePtr either(const ValuePtr& recent, const ValuePtr& earlier) {
  if (recent == earlier) return recent;
  std::vector<ValuePtr> all = alternatives(recent);
  for (const ValuePtr& other : alternatives(earlier)) {
    const bool known = std::any_of(all.begin(), all.end(), [&](const ValuePtr& one) {
      return one == other || (one->kind == other->kind && equal(*one, *other) == Truth::yes) ||
             (one->is(ValueKind::unknown) && other->is(ValueKind::unknown) && one->input == other->input && one->built == other->built);
    });
    if (!known && all.size() < k_most_choices) all.push_back(other);
  }
  if (all.size() == 1) return all.front();
  ValuePtr out = make(ValueKind::choice);
  out->items = std::move(all);
  return out;
}

ValuePtr detached(const ValuePtr& value) {
  std::size_t left = k_longest_list;
  if (!value->is(ValueKind::choice)) return copy(value, k_deepest_copy, left);
  ValuePtr out = make(ValueKind::choice);
  for (const ValuePtr& one : value->items) out->items.push_back(copy(one, k_deepest_copy, left));
  return out;
}

bool has_input(const Value& value) {
  if (value.input) return true;
  if (!value.is(ValueKind::choice)) return false;
  return std::any_of(value.items.begin(), value.items.end(), [](const ValuePtr& one) { return one->input; });
}

bool to_text(const Value& value, std::string& out) { return append_text(value, false, k_deepest_text, out); }

Truth truth(const Value& value) {
  const auto of = [](bool yes) { return yes ? Truth::yes : Truth::no; };
  switch (value.kind) {
    case ValueKind::none: return Truth::no;
    case ValueKind::boolean:
    case ValueKind::integer: return of(value.number != 0);
    case ValueKind::real: return of(value.real != 0);
    case ValueKind::string: return of(!value.text.empty());
    case ValueKind::list: return of(!value.items.empty());
    case ValueKind::dict: return of(!value.entries.empty());
    case ValueKind::macro:
    case ValueKind::space: return Truth::yes;
    default: return Truth::unknown;
  }
}

Truth equal(const Value& a, const Value& b) {
  if (!a.is_constant() || !b.is_constant()) return Truth::unknown;
  const auto of = [](bool yes) { return yes ? Truth::yes : Truth::no; };
  if (a.is_number() && b.is_number()) return of(a.number == b.number);
  if (a.kind != b.kind) return a.is(ValueKind::real) || b.is(ValueKind::real) ? Truth::unknown : Truth::no;
  if (a.is(ValueKind::string)) return of(a.text == b.text);
  if (a.is(ValueKind::real)) return of(a.real == b.real);
  return Truth::yes;  // None
}

}  // namespace modelaudit::detect::jinja
