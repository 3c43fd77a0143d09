/// @file
/// Constant folding: what filters, methods and operators of Jinja give for known values. Pure functions; a null result
/// means that the value cannot be known.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detect/templates/value.hpp"

namespace modelaudit::detect::jinja {

struct Arguments {
  std::vector<ValuePtr> positional;
  std::vector<std::pair<std::string, ValuePtr>> named;

  /// By position or by name, or null.
  ValuePtr get(std::size_t position, std::string_view name) const;
};

/// `subject | name(arguments)` (jinja2 filters.py). No alternatives: those are lifted by the caller.
ValuePtr fold_filter(std::string_view name, const ValuePtr& subject, const Arguments& arguments);
/// `subject.name(arguments)` for str, list and dict. append(), update() and their like change the subject.
ValuePtr fold_method(const ValuePtr& subject, std::string_view name, const Arguments& arguments);
/// Binary operators but `and`, `or`.
ValuePtr fold_binary(std::string_view op, const Value& left, const Value& right);
/// subject[start:stop:step]; null bounds are open.
ValuePtr fold_slice(const Value& subject, const ValuePtr& start, const ValuePtr& stop, const ValuePtr& step);
/// subject[key] for str, list and dict.
ValuePtr fold_subscript(const Value& subject, const Value& key);
/// The elements of an iterable, where they are known: characters, items, keys.
bool elements(const Value& value, std::vector<ValuePtr>& out);
/// printf-style formatting.
ValuePtr fold_percent(const std::string& format, const std::vector<ValuePtr>& values);
/// Largest width or count that a format string asks for: `%999999999d`, `{:>999999999}`.
std::int64_t widest_field(std::string_view format);

}  // namespace modelaudit::detect::jinja
