/// @file
/// The machine's inside, shared by its three parts: values (values.cpp), calls (calls.cpp), the loop (run.cpp).
#pragma once

#include <algorithm>
#include <span>
#include <unordered_map>

#include "wire/pickle/machine.hpp"
#include "wire/pickle/store.hpp"

namespace modelaudit::wire::pickle {

/// Low four bits of a Value; the other sixty are the payload.
enum class Tag : std::uint8_t {
  unknown,
  none,
  boolean,
  integer,    ///< signed, 60 bits
  real,
  big,        ///< an integer beyond that
  text,       ///< literal in the input: offset 40 bits, size 20 bits
  bytes,      ///< the same
  far,        ///< text or bytes that do not fit so: index into far
  own,        ///< text in the arena: offset 40 bits, size 20 bits
  small,      ///< tuple of folded items: ring index 32 bits, depth 12, size 16
  cell,       ///< index into cells
  global,     ///< index into globals
  module,     ///< index into module names
  extension,  ///< code, 32 bits
};

enum class CellKind : std::uint8_t { tuple, list, dict, set, object, attribute, partial, getter, persistent };

/// A value with identity: DUP, GET and the memo share it. Sixteen bytes.
struct Cell {
  std::uint32_t head = 0;   ///< newest segment of items
  std::uint32_t count = 0;  ///< items; of an object: index of the called global + 1
  float size = 1;           ///< elements when expanded, itself included
  std::uint16_t depth = 0;  ///< of containers inside each other, saturating
  CellKind kind = CellKind::list;
  std::uint8_t flags = 0;
};
static_assert(sizeof(Cell) == 16);

enum CellFlag : std::uint8_t {
  f_has_segment = 1,
  f_head_live = 2,    ///< newest segment lies in the live store, not in the ring
  f_matters = 4,      ///< holds something that a later call could reach
  f_forgotten = 8,    ///< some items were never kept
  f_referenced = 32,  ///< is an item of something: growing now changes the size of what holds it
  f_setstate = 16,    ///< an earlier BUILD planted a __setstate__
};

/// What a global does when called, as far as the machine follows it. Decided by name alone.
enum class Role : std::uint8_t {
  plain, getattr, attrgetter, itemgetter, methodcaller, getitem, import_module, import_top, resolve_name, module_table,
  table_get, table_write, partial, first_argument, second_argument, reconstructor, newobj, newobj_ex, rebuild_from_type,
  join, replace, codec, concat, slice, lower, upper, decode, setattr,
  container,  ///< makes a container: its items expand with it, those of other instances do not
};

struct Far {
  std::uint64_t offset = 0;  ///< in the input, or in the arena
  std::uint64_t size = 0;
  bool is_text = false;
  bool own = false;          ///< in the arena
  bool computed = false;     ///< the result of a call
};

constexpr Value make(Tag tag, std::uint64_t payload) noexcept {
  return Value(static_cast<std::uint64_t>(tag) | payload << 4);
}
constexpr Tag tag_of(Value v) noexcept { return static_cast<Tag>(v.bits() & 15); }
constexpr std::uint64_t payload_of(Value v) noexcept { return v.bits() >> 4; }

inline constexpr std::uint64_t k_span_size = (std::uint64_t{1} << 20) - 1;
inline constexpr std::uint64_t k_span_offset = (std::uint64_t{1} << 40) - 1;
constexpr Value make_span(Tag tag, std::uint64_t offset, std::uint64_t size) noexcept {
  return make(tag, offset << 20 | size);
}

/// What enter_inner() puts aside.
struct Suspended {
  std::vector<Value> stack;
  std::vector<std::uint32_t> marks;
  Chunked<Value> memo;
  std::unordered_map<std::uint64_t, Value> sparse;
  std::uint64_t memo_holes;
  std::uint8_t protocol;
};

struct Machine::Impl {
  Impl(Machine& self, Observer& to, Budget& from, Options options);

  // --- values.cpp --------------------------------------------------------------------------------------------
  Value literal(bool is_text, std::uint64_t offset, ByteView data, std::uint64_t size);
  Value own_text(std::string_view text, bool is_text, bool computed);
  Value new_cell(CellKind kind);
  Value new_tuple(std::span<const Value> items);
  Value new_container(CellKind kind, std::span<const Value> items);
  void extend(Cell& cell, std::span<const Value> items);
  void extend_cell(Value container, std::span<const Value> items) { extend(cell(container), items); }
  Value new_object(Value callable, Value args, Value kwargs);
  void set_state(Value object, Value state);
  Value new_pair(CellKind kind, Value a, Value b);
  std::uint32_t write_segment(std::span<const Value> items, std::uint64_t previous, bool live);
  void weigh(const Cell& cell);
  void refer(Value child) noexcept {
    if (tag_of(child) == Tag::cell) cell(child).flags |= f_referenced;
  }
  void weigh_late();

  bool expands(Value v) const noexcept;
  double size_of(Value v) const noexcept;
  std::uint32_t depth_of(Value v) const noexcept;
  bool matters(Value v) const noexcept;
  Cell& cell(Value v) noexcept { return cells[payload_of(v)]; }
  const Cell& cell(Value v) const noexcept { return cells[payload_of(v)]; }
  bool is_cell(Value v, CellKind kind) const noexcept { return tag_of(v) == Tag::cell && cell(v).kind == kind; }
  bool is_text(Value v) const noexcept;
  bool is_computed(Value v) const noexcept;
  std::optional<std::string_view> text(Value v) const noexcept;
  std::optional<std::string_view> from_input(std::uint64_t offset, std::uint64_t size) const noexcept;
  std::vector<Value> items(Value v, std::size_t limit, bool* all = nullptr) const;
  Parts parts(Value v) const;
  Value dict_find(Value dict, std::string_view key) const;
  std::string describe(Value v, std::size_t limit, int level) const;

  // --- calls.cpp ---------------------------------------------------------------------------------------------
  Value name_global(std::string_view module, std::string_view name, bool computed, std::uint8_t opcode);
  Value intern(std::string module, std::string name, std::string written, bool computed, bool derived);
  Value intern_module(std::string_view name);
  Value attribute(Value base, std::string_view path);
  Value call(std::uint8_t opcode, Value callable, Value args, Value kwargs, std::string_view via = {}, int level = 0);
  Value follow(Role role, Value callable, const std::vector<Value>& args, Value args_tuple, std::uint8_t opcode, int level);
  Value text_method(Role role, const std::vector<Value>& args);
  void build(Value object, Value state);
  void graft(Value target, Value state);
  void write_item(std::uint8_t opcode, Value target, std::span<const Value> items, bool pairs);
  void table_write(Value key, Value value);
  Value stack_global(Value module, Value name);

  // --- run.cpp -----------------------------------------------------------------------------------------------
  RunEnd run(ForwardReader& in);
  RunEnd step_rare(Lexer& lexer, std::uint8_t code, bool& done);
  bool memo_put(std::uint64_t index);
  Value memo_get(std::uint64_t index);
  void checkpoint();
  void report_literal(std::uint8_t opcode, bool is_text, std::uint64_t offset, ByteView data, std::uint64_t size);
  Value number_line(ByteView line, bool is_long);
  Value string_line(const Token& token);
  Value unicode_line(const Token& token);
  void note_window(const Lexer& lexer);
  std::uint64_t fence() const noexcept { return marks.empty() ? 0 : marks.back(); }

  Machine& machine;
  Observer& observer;
  Budget& budget;
  Options options;
  MemoryCharge charge;

  std::vector<Value> stack;
  std::vector<std::uint32_t> marks;
  Chunked<Value> memo;
  std::unordered_map<std::uint64_t, Value> sparse;    ///< memo beyond the dense part
  Chunked<Value> last_memo;                           ///< of the stream before
  std::unordered_map<std::uint64_t, Value> last_sparse;
  std::uint64_t memo_holes = 0;
  std::vector<std::unique_ptr<Suspended>> suspended;

  Chunked<Cell> cells;
  Chunked<std::uint64_t> live;
  Ring ring;
  std::vector<std::uint32_t> late;                    ///< cells that took containers in after they were referenced
  std::vector<Far> far;
  std::vector<std::unique_ptr<std::string>> arena;    ///< texts of our own; chunks never move
  std::vector<Global> globals;
  std::vector<Role> roles;                            ///< one a global
  std::unordered_map<std::string, std::uint32_t> global_index;
  std::vector<std::string> module_names;
  std::unordered_map<std::string, Value> grafts;      ///< "module\nname" -> what was put there
  std::unordered_map<std::string, Value> table;       ///< sys.modules as the stream wrote it

  std::vector<ByteView> windows;                      ///< of a stable input, by offset
  Value result;
  std::uint64_t here = 0;                             ///< offset of the current opcode
  std::uint64_t ops = 0;
  std::uint64_t ops_at_start = 0;                     ///< of this stream
  std::uint64_t charged_stack = 0;
  std::uint8_t protocol = 0;
  bool stable = true;
  bool started = false;
  bool expansion_seen = false;
  bool depth_seen = false;
  bool proto_missing_seen = false;
  mutable bool interrupted = false;
};

Role role_of(std::string_view module, std::string_view name);

}  // namespace modelaudit::wire::pickle
