#include "formats/pickle/arrays.hpp"

#include <algorithm>

#include "modelaudit/bytes.hpp"

namespace modelaudit::formats::pickles {

namespace {

using wire::pickle::Kind;
using wire::pickle::Machine;
using wire::pickle::Value;

Value find(const Machine& machine, Value dict, std::string_view key) {
  const std::vector<Value> pairs = machine.items(dict, 64);
  Value found;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (const auto name = machine.text(pairs[i]); name && *name == key) found = pairs[i + 1];
  }
  return found;
}

/// The plain type strings of numpy: kind and size, "f8", "U12", "?", "<M8[ns]".
ItemType from_text(std::string_view text) {
  ItemType type;
  if (!text.empty() && (text[0] == '<' || text[0] == '>' || text[0] == '|' || text[0] == '=')) text.remove_prefix(1);
  if (text.empty()) return type;
  const char kind = text[0];
  std::uint64_t n = 0;
  bool digits = false;
  for (std::size_t i = 1; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    if (n > (std::uint64_t{1} << 40)) return type;
    n = n * 10 + static_cast<std::uint64_t>(text[i] - '0');
    digits = true;
  }
  type.known = true;
  type.has_objects = kind == 'O';
  if (text == "?") {
    type.size = 1;
  } else if (kind == 'O') {
    type.size = 8;
  } else if (kind == 'U') {
    type.size = 4 * n;
  } else if (digits && std::string_view("biufcSVMma").find(kind) != std::string_view::npos) {
    type.size = n;
  } else {
    type.known = false;
  }
  return type;
}

}  // namespace

ItemType read_dtype(const Machine& machine, Value dtype, int level) {
  ItemType type;
  const Machine::Parts parts = machine.parts(dtype);
  const std::vector<Value> args = machine.items(parts.args, 4);
  if (args.empty() || level > 16) return type;
  if (const auto text = machine.text(args[0])) type = from_text(*text);
  // State: (version, byte order, subarray, names, fields, itemsize, alignment, flags[, metadata]).
  const std::vector<Value> state = machine.items(parts.state, 9);
  if (state.size() < 8) return type;
  if (const auto flags = machine.integer(state[7]); flags && (*flags & 1) != 0) type.has_objects = true;
  // Item size -1: as the type string says. Structured and void types carry it here.
  if (const auto size = machine.integer(state[5]); size && *size > 0) {
    type.size = static_cast<std::uint64_t>(*size);
    type.known = true;
  }
  if (const std::vector<Value> sub = machine.items(state[2], 2); sub.size() == 2) {
    const ItemType inner = read_dtype(machine, sub[0], level + 1);
    type.has_objects = type.has_objects || inner.has_objects;
  }
  return type;
}

ArrayLayout read_array_layout(const Machine& machine, Value state) {
  ArrayLayout layout;
  const ItemType type = read_dtype(machine, find(machine, state, "dtype"));
  const Value shape = find(machine, state, "shape");
  const Value alignment = find(machine, state, "numpy_array_alignment_bytes");
  layout.is_padded = machine.integer(alignment).has_value();
  if (const auto* subclass = machine.global(find(machine, state, "subclass"))) {
    const bool numpy = subclass->module == "numpy" || subclass->module.starts_with("numpy.");
    layout.foreign_class = !numpy || (subclass->name != "ndarray" && subclass->name != "matrix" && subclass->name != "memmap");
  } else if (machine.kind(find(machine, state, "subclass")) != Kind::unknown) {
    layout.foreign_class = true;
  }
  if (type.has_objects) {
    layout.is_object = true;
    return layout;
  }
  if (!type.known || machine.kind(shape) != Kind::tuple || !machine.items_known(shape)) {
    layout.problem = "type or shape of the array cannot be read";
    return layout;
  }
  std::optional<std::uint64_t> size = type.size;
  for (const Value dimension : machine.items(shape, 64)) {
    const auto n = machine.integer(dimension);
    if (!n || *n < 0) {
      layout.problem = "the shape of the array is not made of sizes";
      return layout;
    }
    size = size ? checked_mul(*size, static_cast<std::uint64_t>(*n)) : size;
  }
  if (!size) {
    layout.problem = "the size of the array does not fit 64 bits";
    return layout;
  }
  layout.data_size = *size;
  return layout;
}

}  // namespace modelaudit::formats::pickles
