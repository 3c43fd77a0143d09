/// @file
/// What the interpreter knows of a value without running anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelaudit::detect::jinja {

struct Statement;
struct Value;
using ValuePtr = std::shared_ptr<Value>;

enum class ValueKind : std::uint8_t {
  unknown,
  none,
  boolean,   ///< number
  integer,   ///< number
  real,      ///< real
  string,    ///< text
  list,      ///< items; a tuple too
  dict,      ///< entries
  space,     ///< namespace(): entries with string keys
  builtin,   ///< an object of the template engine: text is its name ("cycler", "lipsum", "loop", "self")
  macro,     ///< definition
  method,    ///< items[0] . text, not called yet
  choice,    ///< items: one of these, the most recent first
};

struct Value {
  ValueKind kind = ValueKind::unknown;
  // Of unknown values:
  bool input = false;    ///< comes from what the caller renders: messages, tools
  bool built = false;    ///< text put together from parts of which some are unknown
  bool numeric = false;  ///< surely a number
  std::int64_t number = 0;
  double real = 0;
  std::string text;
  std::vector<ValuePtr> items;
  std::vector<std::pair<ValuePtr, ValuePtr>> entries;
  const Statement* definition = nullptr;

  bool is(ValueKind k) const noexcept { return kind == k; }
  bool is_number() const noexcept { return kind == ValueKind::integer || kind == ValueKind::boolean; }
  bool is_constant() const noexcept {
    return kind == ValueKind::none || kind == ValueKind::boolean || kind == ValueKind::integer || kind == ValueKind::real ||
           kind == ValueKind::string;
  }
};

inline constexpr std::size_t k_longest_string = 64 << 10;  // of a folded string; longer ones are unknown
inline constexpr std::size_t k_longest_list = 4096;
inline constexpr std::size_t k_most_choices = 8;

ValuePtr unknown(bool input = false);
ValuePtr built(bool input);
ValuePtr numeric();
ValuePtr none();
ValuePtr boolean(bool value);
ValuePtr integer(std::int64_t value);
ValuePtr real(double value);
ValuePtr string(std::string text);
ValuePtr list(std::vector<ValuePtr> items);
ValuePtr builtin(std::string name);

/// The alternatives of a value: itself, or those of a choice.
std::vector<ValuePtr> alternatives(const ValuePtr& value);
/// Either of two values, the first the more recent.
ValuePtr either(const ValuePtr& recent, const ValuePtr& earlier);
/// A copy that shares no list, dict or namespace with the original: what is stored in containers can make no cycle.
ValuePtr detached(const ValuePtr& value);
/// Does any part of it come from the caller's data?
bool has_input(const Value& value);

/// str(value) as Python prints it, where everything is known; otherwise nothing.
bool to_text(const Value& value, std::string& out);
/// Python's truth, or nothing where it is not known.
enum class Truth : std::uint8_t { yes, no, unknown };
Truth truth(const Value& value);
/// Are two constants equal? unknown where one is not constant.
Truth equal(const Value& a, const Value& b);

}  // namespace modelaudit::detect::jinja
