#include "detect/templates/fold.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "detect/paths/unicode.hpp"

namespace modelaudit::detect::jinja {

namespace {

constexpr std::int64_t k_huge = std::numeric_limits<std::int64_t>::max();

/// The code points of a text as strings of their own: Python counts those, not bytes.
std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, decode_utf8(text, at).length);
    out.emplace_back(text.substr(at, length));
    at += length;
  }
  return out;
}

std::optional<std::int64_t> whole_number(const ValuePtr& value) {
  if (!value || !value->is_number()) return std::nullopt;
  return value->number;
}

/// Indices that a slice picks (CPython, PySlice_AdjustIndices).
std::vector<std::size_t> slice_indices(std::int64_t length, std::optional<std::int64_t> start, std::optional<std::int64_t> stop, std::int64_t step) {
  const auto clamp = [&](std::int64_t index) {
    if (index < 0) index = index < -length ? (step < 0 ? -1 : 0) : index + length;
    return std::min(index, step < 0 ? length - 1 : length);
  };
  std::int64_t at = start ? clamp(*start) : (step < 0 ? length - 1 : 0);
  const std::int64_t end = stop ? clamp(*stop) : (step < 0 ? -1 : length);
  std::vector<std::size_t> out;
  while (step > 0 ? at < end : at > end) {
    out.push_back(static_cast<std::size_t>(at));
    if (step > length || step < -length) break;
    at += step;
  }
  return out;
}

std::optional<std::int64_t> multiplied(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

ValuePtr repeat(const Value& value, std::int64_t times) {
  times = std::max<std::int64_t>(times, 0);
  if (value.is(ValueKind::string)) {
    const auto size = multiplied(static_cast<std::int64_t>(value.text.size()), times);
    if (!size || *size > static_cast<std::int64_t>(k_longest_string)) return nullptr;
    std::string out;
    for (std::int64_t i = 0; i < times && !value.text.empty(); ++i) out += value.text;
    return string(std::move(out));
  }
  const auto size = multiplied(static_cast<std::int64_t>(value.items.size()), times);
  if (!size || *size > static_cast<std::int64_t>(k_longest_list)) return nullptr;
  std::vector<ValuePtr> out;
  for (std::int64_t i = 0; i < times && !value.items.empty(); ++i) out.insert(out.end(), value.items.begin(), value.items.end());
  return list(std::move(out));
}

ValuePtr fold_arithmetic(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (op == "+") return __builtin_add_overflow(a, b, &out) ? nullptr : integer(out);
  if (op == "-") return __builtin_sub_overflow(a, b, &out) ? nullptr : integer(out);
  if (op == "*") return __builtin_mul_overflow(a, b, &out) ? nullptr : integer(out);
  const bool divides = b != 0 && !(a == std::numeric_limits<std::int64_t>::min() && b == -1);
  if (op == "/") return divides ? real(static_cast<double>(a) / static_cast<double>(b)) : nullptr;
  if (op == "//" && divides) return integer(a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0));
  if (op == "%" && divides) return integer((a % b + b) % b);
  if (op == "**" && b >= 0) {
    std::int64_t power = 1;
    for (std::int64_t i = 0; i < b; ++i) {
      if (__builtin_mul_overflow(power, a, &power)) return nullptr;
      if (power == 0 || (power == 1 && a == 1)) break;
    }
    return integer(power);
  }
  return nullptr;
}

ValuePtr fold_comparison(std::string_view op, const Value& a, const Value& b) {
  if (op == "==" || op == "!=") {
    const Truth same = equal(a, b);
    return same == Truth::unknown ? nullptr : boolean((same == Truth::yes) == (op == "=="));
  }
  int order = 0;
  if (a.is_number() && b.is_number()) order = a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
  else if (a.is(ValueKind::string) && b.is(ValueKind::string)) order = a.text.compare(b.text);
  else return nullptr;
  if (op == "<") return boolean(order < 0);
  if (op == ">") return boolean(order > 0);
  if (op == "<=") return boolean(order <= 0);
  return boolean(order >= 0);
}

ValuePtr fold_membership(const Value& needle, const Value& hay) {
  if (needle.is(ValueKind::string) && hay.is(ValueKind::string)) return boolean(hay.text.find(needle.text) != std::string::npos);
  std::vector<ValuePtr> all;
  if (hay.is(ValueKind::string) || !elements(hay, all)) return nullptr;
  for (const ValuePtr& one : all) {
    const Truth same = equal(needle, *one);
    if (same == Truth::yes) return boolean(true);
    if (same == Truth::unknown) return nullptr;
  }
  return boolean(false);
}

}  // namespace

ValuePtr Arguments::get(std::size_t position, std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return value;
  }
  return position < positional.size() ? positional[position] : nullptr;
}

bool elements(const Value& value, std::vector<ValuePtr>& out) {
  switch (value.kind) {
    case ValueKind::string:
      for (std::string& c : characters(value.text)) out.push_back(string(std::move(c)));
      return true;
    case ValueKind::list: out = value.items; return true;
    case ValueKind::dict:
      for (const auto& [key, entry] : value.entries) out.push_back(key);
      return true;
    case ValueKind::none: return true;
    default: return false;
  }
}

ValuePtr fold_slice(const Value& subject, const ValuePtr& start, const ValuePtr& stop, const ValuePtr& step) {
  const auto known = [](const ValuePtr& bound) { return !bound || bound->is_number() || bound->is(ValueKind::none); };
  if (!known(start) || !known(stop) || !known(step)) return nullptr;
  const std::int64_t stride = whole_number(step).value_or(1);
  std::vector<ValuePtr> all;
  if (stride == 0 || (!subject.is(ValueKind::string) && !subject.is(ValueKind::list)) || !elements(subject, all)) return nullptr;
  const auto indices = slice_indices(static_cast<std::int64_t>(all.size()), whole_number(start), whole_number(stop), stride);
  if (subject.is(ValueKind::string)) {
    std::string out;
    for (const std::size_t i : indices) out += all[i]->text;
    return string(std::move(out));
  }
  std::vector<ValuePtr> out;
  for (const std::size_t i : indices) out.push_back(all[i]);
  return list(std::move(out));
}

ValuePtr fold_subscript(const Value& subject, const Value& key) {
  if (subject.is(ValueKind::dict) || subject.is(ValueKind::space)) {
    for (auto entry = subject.entries.rbegin(); entry != subject.entries.rend(); ++entry) {
      if (equal(*entry->first, key) == Truth::yes) return entry->second;
    }
    return nullptr;
  }
  std::vector<ValuePtr> all;
  if (!key.is_number() || (!subject.is(ValueKind::string) && !subject.is(ValueKind::list)) || !elements(subject, all)) return nullptr;
  const auto size = static_cast<std::int64_t>(all.size());
  const std::int64_t index = key.number < 0 ? key.number + size : key.number;
  return index >= 0 && index < size ? all[static_cast<std::size_t>(index)] : nullptr;
}

ValuePtr fold_binary(std::string_view op, const Value& left, const Value& right) {
  if (op == "in" || op == "not in") {
    const ValuePtr found = fold_membership(left, right);
    return found && op == "not in" ? boolean(found->number == 0) : found;
  }
  if (op == "==" || op == "!=" || op == "<" || op == ">" || op == "<=" || op == ">=") return fold_comparison(op, left, right);
  if (left.is_number() && right.is_number()) return fold_arithmetic(op, left.number, right.number);
  if (op == "+" && left.is(ValueKind::string) && right.is(ValueKind::string)) return string(left.text + right.text);
  if (op == "+" && left.is(ValueKind::list) && right.is(ValueKind::list)) {
    std::vector<ValuePtr> out = left.items;
    out.insert(out.end(), right.items.begin(), right.items.end());
    return list(std::move(out));
  }
  const auto repeatable = [](const Value& v) { return v.is(ValueKind::string) || v.is(ValueKind::list); };
  if (op == "*" && repeatable(left) && right.is_number()) return repeat(left, right.number);
  if (op == "*" && repeatable(right) && left.is_number()) return repeat(right, left.number);
  if (op == "%" && left.is(ValueKind::string)) {
    return fold_percent(left.text, right.is(ValueKind::list) ? right.items : std::vector<ValuePtr>{std::make_shared<Value>(right)});
  }
  return nullptr;
}

ValuePtr fold_percent(const std::string& format, const std::vector<ValuePtr>& values) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%' || at + 1 >= format.size()) {
      out.push_back(format[at]);
      continue;
    }
    std::size_t kind = at + 1;
    while (kind < format.size() && std::string_view("-+ #0123456789.").find(format[kind]) != std::string_view::npos) ++kind;
    if (kind >= format.size()) return nullptr;
    at = kind;
    if (format[kind] == '%') {
      out.push_back('%');
      continue;
    }
    if (next >= values.size()) return nullptr;
    const Value& value = *values[next++];
    std::string text;
    if (format[kind] == 'c' && value.is_number()) {
      if (value.number < 0 || value.number > 0x10FFFF) return nullptr;
      append_utf8(text, static_cast<std::uint32_t>(value.number));
    } else if ((format[kind] == 'x' || format[kind] == 'X' || format[kind] == 'o') && value.is_number() && value.number >= 0) {
      const unsigned base = format[kind] == 'o' ? 8 : 16;
      for (auto left = static_cast<std::uint64_t>(value.number); left != 0 || text.empty(); left /= base) {
        text.insert(text.begin(), (format[kind] == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[left % base]);
      }
    } else if (!to_text(value, text)) {
      return nullptr;
    }
    out += text;
    if (out.size() > k_longest_string) return nullptr;
  }
  return string(std::move(out));
}

std::int64_t widest_field(std::string_view format) {
  std::int64_t widest = 0;
  bool in_field = false;
  for (std::size_t at = 0; at < format.size(); ++at) {
    const char c = format[at];
    if (c == '%' || c == ':' || c == '{') in_field = true;
    else if (c == '}' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) in_field = false;
    if (!in_field || c < '0' || c > '9') continue;
    std::int64_t number = 0;
    while (at < format.size() && format[at] >= '0' && format[at] <= '9') {
      number = number > k_huge / 20 ? k_huge / 20 : number * 10 + (format[at] - '0');
      ++at;
    }
    --at;
    widest = std::max(widest, number);
  }
  return widest;
}

}  // namespace modelaudit::detect::jinja
