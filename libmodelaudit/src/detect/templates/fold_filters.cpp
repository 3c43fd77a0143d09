#include <algorithm>
#include <functional>
#include <map>

#include "detect/paths/unicode.hpp"
#include "detect/templates/fold.hpp"

namespace modelaudit::detect::jinja {

namespace {

using Text = std::string;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

Text upper(Text text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

Text title(Text text) {
  bool start = true;
  for (char& c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    c = start ? upper(Text(1, c))[0] : ascii_lower(c);
    start = !letter && c != '\'';
  }
  return text;
}

Text capitalise(const Text& text) {
  Text out = ascii_lower(text);
  if (!out.empty()) out[0] = upper(out.substr(0, 1))[0];
  return out;
}

Text swapcase(Text text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : ascii_lower(c);
  return text;
}

Text stripped(const Text& text, const ValuePtr& set, bool left, bool right) {
  const Text drop = set && set->is(ValueKind::string) ? set->text : Text(" \t\n\r\f\v");
  std::size_t from = 0;
  std::size_t to = text.size();
  while (left && from < to && drop.find(text[from]) != Text::npos) ++from;
  while (right && to > from && drop.find(text[to - 1]) != Text::npos) --to;
  return text.substr(from, to - from);
}

ValuePtr replaced(const Text& text, const ValuePtr& from, const ValuePtr& to, const ValuePtr& count) {
  if (!from || !to || !from->is(ValueKind::string) || !to->is(ValueKind::string)) return nullptr;
  std::int64_t left = count && count->is_number() ? count->number : -1;
  Text out;
  std::size_t at = 0;
  if (from->text.empty()) return nullptr;
  while (left != 0) {
    const std::size_t next = text.find(from->text, at);
    if (next == Text::npos) break;
    out.append(text, at, next - at).append(to->text);
    if (out.size() > k_longest_string) return nullptr;
    at = next + from->text.size();
    --left;
  }
  return string(out.append(text, at));
}

ValuePtr joined(const Value& value, const Text& separator) {
  std::vector<ValuePtr> all;
  if (!elements(value, all)) return nullptr;
  Text out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i != 0) out += separator;
    if (!to_text(*all[i], out) || out.size() > k_longest_string) return nullptr;
  }
  return string(std::move(out));
}

ValuePtr reversed(const Value& value) {
  std::vector<ValuePtr> all;
  if (!elements(value, all)) return nullptr;
  std::reverse(all.begin(), all.end());
  if (!value.is(ValueKind::string)) return list(std::move(all));
  Text out;
  for (const ValuePtr& one : all) out += one->text;
  return string(std::move(out));
}

ValuePtr sorted(const Value& value) {
  std::vector<ValuePtr> all;
  if (!elements(value, all)) return nullptr;
  if (!std::all_of(all.begin(), all.end(), [](const ValuePtr& one) { return one->is(ValueKind::string) || one->is_number(); })) return nullptr;
  std::stable_sort(all.begin(), all.end(), [](const ValuePtr& a, const ValuePtr& b) {
    if (a->is_number() != b->is_number()) return a->is_number();
    return a->is_number() ? a->number < b->number : ascii_lower(a->text) < ascii_lower(b->text);
  });
  return list(std::move(all));
}

ValuePtr split_up(const Text& text, const ValuePtr& separator) {
  std::vector<ValuePtr> out;
  if (!separator || separator->is(ValueKind::none)) {
    for (std::size_t at = 0; at < text.size();) {
      while (at < text.size() && is_space(text[at])) ++at;
      std::size_t end = at;
      while (end < text.size() && !is_space(text[end])) ++end;
      if (end > at) out.push_back(string(text.substr(at, end - at)));
      at = end;
    }
    return list(std::move(out));
  }
  if (!separator->is(ValueKind::string) || separator->text.empty()) return nullptr;
  std::size_t at = 0;
  for (std::size_t next = text.find(separator->text); next != Text::npos; next = text.find(separator->text, at)) {
    out.push_back(string(text.substr(at, next - at)));
    at = next + separator->text.size();
    if (out.size() > k_longest_list) return nullptr;
  }
  out.push_back(string(text.substr(at)));
  return list(std::move(out));
}

ValuePtr urlencoded(const Text& text) {
  Text out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("_.-~/").find(c) != std::string_view::npos;
    if (plain) {
      out.push_back(c);
    } else {
      constexpr std::string_view digits = "0123456789ABCDEF";
      const auto byte = static_cast<std::uint8_t>(c);
      out.push_back('%');
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
  }
  return string(std::move(out));
}

ValuePtr json_text(const Value& value) {
  if (value.is(ValueKind::string)) {
    Text out = "\"";
    for (const char c : value.text) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    return string(out + "\"");
  }
  Text out;
  if (!to_text(value, out)) return nullptr;
  return string(ascii_lower(out));
}

/// Filters and methods of str with the same meaning.
ValuePtr fold_text(std::string_view name, const Text& text, const Arguments& arguments) {
  if (name == "lower" || name == "casefold") return string(ascii_lower(text));
  if (name == "upper") return string(upper(text));
  if (name == "title") return string(title(text));
  if (name == "capitalize") return string(capitalise(text));
  if (name == "swapcase") return string(swapcase(text));
  if (name == "trim" || name == "strip") return string(stripped(text, arguments.get(0, "chars"), true, true));
  if (name == "lstrip") return string(stripped(text, arguments.get(0, "chars"), true, false));
  if (name == "rstrip") return string(stripped(text, arguments.get(0, "chars"), false, true));
  if (name == "replace") return replaced(text, arguments.get(0, "old"), arguments.get(1, "new"), arguments.get(2, "count"));
  if (name == "safe" || name == "string" || name == "forceescape") return string(text);
  if (name == "center" || name == "indent") {
    const ValuePtr width = arguments.get(0, "width");
    const std::int64_t wanted = width && width->is_number() ? width->number : 80;
    return wanted <= static_cast<std::int64_t>(text.size()) ? string(text) : nullptr;
  }
  return nullptr;
}

ValuePtr listed(const Value& value) {
  std::vector<ValuePtr> all;
  return elements(value, all) ? list(std::move(all)) : nullptr;
}

ValuePtr end_of(const Value& value, bool last) {
  std::vector<ValuePtr> all;
  if (!elements(value, all) || all.empty()) return nullptr;
  return last ? all.back() : all.front();
}

ValuePtr extreme(const Value& value, bool largest) {
  const ValuePtr all = sorted(value);
  if (!all || all->items.empty()) return nullptr;
  return largest ? all->items.back() : all->items.front();
}

ValuePtr number_of(const Value& value) {
  if (value.is_number()) return integer(value.number);
  if (value.is(ValueKind::real) && value.real > -9e15 && value.real < 9e15) return integer(static_cast<std::int64_t>(value.real));
  if (!value.is(ValueKind::string) || value.text.empty() || value.text.size() > 18) return nullptr;
  std::int64_t out = 0;
  for (const char c : value.text) {
    if (c < '0' || c > '9') return nullptr;
    out = out * 10 + (c - '0');
  }
  return integer(out);
}

/// batch(n) and slice(n): lists of lists with the same elements in order.
ValuePtr grouped(const Value& value, const ValuePtr& count, bool slices) {
  std::vector<ValuePtr> all;
  if (!count || !count->is_number() || count->number < 1 || !elements(value, all)) return nullptr;
  const auto n = static_cast<std::size_t>(std::min<std::int64_t>(count->number, static_cast<std::int64_t>(k_longest_list)));
  std::vector<ValuePtr> out;
  if (!slices) {
    for (std::size_t at = 0; at < all.size(); at += n) {
      out.push_back(list({all.begin() + static_cast<std::ptrdiff_t>(at), all.begin() + static_cast<std::ptrdiff_t>(std::min(at + n, all.size()))}));
    }
    return list(std::move(out));
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t size = all.size() / n + (i < all.size() % n ? 1 : 0);
    out.push_back(list({all.begin() + static_cast<std::ptrdiff_t>(at), all.begin() + static_cast<std::ptrdiff_t>(at + size)}));
    at += size;
  }
  return list(std::move(out));
}

ValuePtr pairs(const Value& value, bool sort) {
  if (!value.is(ValueKind::dict)) return nullptr;
  std::vector<ValuePtr> out;
  for (const auto& [key, entry] : value.entries) out.push_back(list({key, entry}));
  if (sort) std::stable_sort(out.begin(), out.end(), [](const ValuePtr& a, const ValuePtr& b) { return a->items[0]->text < b->items[0]->text; });
  return list(std::move(out));
}

ValuePtr unique(const Value& value) {
  std::vector<ValuePtr> all;
  if (!elements(value, all)) return nullptr;
  std::vector<ValuePtr> out;
  for (const ValuePtr& one : all) {
    if (std::none_of(out.begin(), out.end(), [&](const ValuePtr& seen) { return equal(*seen, *one) == Truth::yes; })) out.push_back(one);
  }
  return list(std::move(out));
}

ValuePtr mapped(const Value& value, const Arguments& arguments) {
  const ValuePtr filter = arguments.get(0, "");
  std::vector<ValuePtr> all;
  if (!filter || !filter->is(ValueKind::string) || !elements(value, all)) return nullptr;
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + 1, arguments.positional.end());
  std::vector<ValuePtr> out;
  for (const ValuePtr& one : all) {
    ValuePtr made = fold_filter(filter->text, one, rest);
    if (!made) return nullptr;
    out.push_back(std::move(made));
  }
  return list(std::move(out));
}

ValuePtr fold_list_method(const ValuePtr& subject, std::string_view name, const Arguments& arguments) {
  const ValuePtr first = arguments.get(0, "");
  if (name == "append" && first) {
    if (subject->items.size() < k_longest_list) subject->items.push_back(detached(first));
    return none();
  }
  if (name == "insert" && first && first->is_number() && arguments.positional.size() == 2) {
    const auto size = static_cast<std::int64_t>(subject->items.size());
    const std::int64_t at = std::clamp<std::int64_t>(first->number < 0 ? first->number + size : first->number, 0, size);
    if (subject->items.size() < k_longest_list) subject->items.insert(subject->items.begin() + at, detached(arguments.positional[1]));
    return none();
  }
  if (name == "extend" && first) {
    std::vector<ValuePtr> more;
    if (!elements(*first, more)) more = {unknown(has_input(*first))};
    for (const ValuePtr& one : more) {
      if (subject->items.size() < k_longest_list) subject->items.push_back(detached(one));
    }
    return none();
  }
  if (name == "pop" && !subject->items.empty()) {
    const bool front = first && first->is_number() && first->number == 0;
    ValuePtr out = front ? subject->items.front() : subject->items.back();
    subject->items.erase(front ? subject->items.begin() : subject->items.end() - 1);
    return out;
  }
  if (name == "reverse") {
    std::reverse(subject->items.begin(), subject->items.end());
    return none();
  }
  return nullptr;
}

ValuePtr fold_dict_method(const ValuePtr& subject, std::string_view name, const Arguments& arguments) {
  if (name == "items") return pairs(*subject, false);
  if (name == "keys") return listed(*subject);
  if (name == "values") {
    std::vector<ValuePtr> out;
    for (const auto& [key, entry] : subject->entries) out.push_back(entry);
    return list(std::move(out));
  }
  const ValuePtr first = arguments.get(0, "");
  if ((name == "get" || name == "pop" || name == "setdefault") && first) {
    if (ValuePtr found = fold_subscript(*subject, *first)) return found;
    if (!first->is_constant()) return nullptr;
    return arguments.positional.size() > 1 ? arguments.positional[1] : none();
  }
  if (name == "update" && subject->entries.size() < k_longest_list) {
    if (first && first->is(ValueKind::dict)) {
      const ValuePtr more = detached(first);
      subject->entries.insert(subject->entries.end(), more->entries.begin(), more->entries.end());
    }
    for (const auto& [key, value] : arguments.named) subject->entries.emplace_back(string(key), detached(value));
    return none();
  }
  return nullptr;
}

}  // namespace

ValuePtr fold_filter(std::string_view name, const ValuePtr& subject, const Arguments& arguments) {
  const Value& value = *subject;
  if (name == "default" || name == "d") return value.is_constant() || value.is(ValueKind::list) ? subject : nullptr;
  if (name == "list") return listed(value);
  if (name == "first") return end_of(value, false);
  if (name == "last") return end_of(value, true);
  if (name == "reverse") return reversed(value);
  if (name == "sort") return sorted(value);
  if (name == "unique") return unique(value);
  if (name == "min" || name == "max") return extreme(value, name == "max");
  if (name == "items" || name == "dictsort") return pairs(value, name == "dictsort");
  if (name == "map") return mapped(value, arguments);
  if (name == "tojson") return json_text(value);
  if (name == "int") return number_of(value);
  if (name == "batch" || name == "slice") return grouped(value, arguments.get(0, name == "batch" ? "linecount" : "slices"), name == "slice");
  if (name == "select" || name == "reject") return builtin("generator");
  if (name == "join") {
    const ValuePtr separator = arguments.get(0, "d");
    if (separator && !separator->is(ValueKind::string)) return nullptr;
    return joined(value, separator ? separator->text : Text());
  }
  if (name == "length" || name == "count") {
    std::vector<ValuePtr> all;
    return elements(value, all) ? integer(static_cast<std::int64_t>(all.size())) : nullptr;
  }
  if (name == "format") return value.is(ValueKind::string) ? fold_percent(value.text, arguments.positional) : nullptr;
  if (name == "urlencode" && value.is(ValueKind::string)) return urlencoded(value.text);
  if (name == "abs" && value.is_number()) return integer(value.number < 0 ? -value.number : value.number);
  if (name == "string" || name == "safe" || name == "pprint" || name == "e" || name == "escape" || name == "forceescape") {
    Text text;
    return to_text(value, text) ? string(std::move(text)) : nullptr;
  }
  return value.is(ValueKind::string) ? fold_text(name, value.text, arguments) : nullptr;
}

ValuePtr fold_method(const ValuePtr& subject, std::string_view name, const Arguments& arguments) {
  if (subject->is(ValueKind::list)) return fold_list_method(subject, name, arguments);
  if (subject->is(ValueKind::dict)) return fold_dict_method(subject, name, arguments);
  if (!subject->is(ValueKind::string)) return nullptr;
  const Text& text = subject->text;
  const ValuePtr first = arguments.get(0, "");
  if (name == "join" && first) return joined(*first, text);
  if (name == "split" || name == "rsplit") return arguments.positional.size() > 1 ? nullptr : split_up(text, first);
  if (name == "splitlines") return split_up(text, string("\n"));
  if (name == "encode" || name == "decode" || name == "__str__" || name == "expandtabs") return subject;
  if (first && first->is(ValueKind::string)) {
    if (name == "startswith") return boolean(text.starts_with(first->text));
    if (name == "endswith") return boolean(text.ends_with(first->text));
    if (name == "removeprefix") return string(text.starts_with(first->text) ? text.substr(first->text.size()) : text);
    if (name == "removesuffix") return string(text.ends_with(first->text) ? text.substr(0, text.size() - first->text.size()) : text);
    if (name == "find" || name == "index") {
      const std::size_t at = text.find(first->text);
      return integer(at == Text::npos ? -1 : static_cast<std::int64_t>(at));
    }
  }
  if (name == "format") {  // plain fields only: {} and {0}
    Text out;
    std::size_t next = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '{') {
        if (text[at] != '}' || at + 1 >= text.size() || text[at + 1] != '}') out.push_back(text[at]);
        continue;
      }
      const std::size_t end = text.find('}', at);
      if (end == Text::npos) return nullptr;
      const Text field = text.substr(at + 1, end - at - 1);
      ValuePtr value;
      if (field.empty()) value = arguments.get(next++, "");
      else if (field == ":c" && next < arguments.positional.size()) {
        value = fold_percent("%c", {arguments.positional[next++]});
      } else if (field.size() == 1 && field[0] >= '0' && field[0] <= '9') value = arguments.get(static_cast<std::size_t>(field[0] - '0'), "");
      else value = arguments.get(Text::npos, field);
      if (!value || !to_text(*value, out) || out.size() > k_longest_string) return nullptr;
      at = end;
    }
    return string(std::move(out));
  }
  return fold_text(name, text, arguments);
}

}  // namespace modelaudit::detect::jinja
