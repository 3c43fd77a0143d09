/// @file
/// Machine: runs a pickle stream over abstract values and tells an Observer what a loader would do. It builds nothing,
/// imports nothing and has no opinion: which global is dangerous is for the observer to say.
///
/// Values are handles of eight bytes. What cannot matter any more (numbers, texts, containers of such) is folded: its
/// size and depth stay exact, its items are kept only while they are recent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/budget.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"
#include "wire/pickle/lexer.hpp"

namespace modelaudit::wire::pickle {

enum class Kind : std::uint8_t {
  unknown,     ///< not followed: items forgotten, memo index never set
  none, boolean, integer, real,
  text,        ///< str
  bytes,       ///< bytes, bytearray, buffer
  tuple, list, dict,
  set,         ///< set and frozenset
  global,      ///< an imported object, also one reached by getattr on another
  module,      ///< a module object: import_module('x'), sys.modules['x']
  object,      ///< the result of a call: an instance, mostly
  attribute,   ///< an attribute of something that is neither global nor module
  extension,   ///< EXT1/2/4
  persistent,  ///< what the loader's persistent_load gave
};

/// Handle of a value; meaningful only to the Machine that made it.
class Value {
 public:
  constexpr Value() noexcept = default;
  constexpr explicit Value(std::uint64_t bits) noexcept : bits_(bits) {}
  constexpr std::uint64_t bits() const noexcept { return bits_; }
  constexpr bool operator==(const Value&) const noexcept = default;

 private:
  std::uint64_t bits_ = 0;
};

/// A global as the stream names it. `module`, `name` are what a loader resolves after attribute grafts and writes to
/// the module table; where that differs from the text of the stream, `written` holds the latter.
struct Global {
  std::string module, name;
  std::string written;           ///< "torch.manual_seed.a.system"; empty: as it stands
  bool python2_names = false;    ///< protocol < 3 at this point: the loader translates names
  bool computed = false;         ///< module or name is no literal but the result of a call
  bool derived = false;          ///< reached by getattr and the like, not by GLOBAL, INST or STACK_GLOBAL
  std::uint64_t offset = 0;      ///< where it was first named
  std::uint8_t opcode = 0;
};

/// Somebody is called. One opcode may make several of these: `_reconstructor(C, object, None)` calls that and C.
struct Call {
  std::uint8_t opcode = 0;       ///< REDUCE, INST, OBJ, NEWOBJ, NEWOBJ_EX, or BUILD for `__setstate__`
  std::uint64_t offset = 0;
  Value callable;
  Value args;                    ///< tuple, or `unknown`
  Value kwargs;                  ///< dict of NEWOBJ_EX, else `unknown`
  std::string_view via;          ///< "map", "partial": called by another callable; empty: by the opcode
};

struct Build {
  std::uint64_t offset = 0;      ///< of the BUILD opcode; the next one follows it
  Value object;
  Value state;
  bool calls_setstate = false;   ///< an earlier BUILD planted a `__setstate__` of the stream's own
};

/// A write into something: SETITEM(S), APPEND(S), ADDITEMS on what is no plain container, or into the module table.
struct ItemWrite {
  std::uint8_t opcode = 0;
  std::uint64_t offset = 0;
  Value target;
  Value key;                     ///< first key; `unknown` for APPEND and ADDITEMS
  Value value;                   ///< first value or item
  std::uint64_t count = 1;
  bool module_table = false;     ///< sys.modules by any way that the machine can follow
};

struct Literal {
  std::uint8_t opcode = 0;
  bool is_text = false;
  std::uint64_t offset = 0;      ///< of the data
  std::uint64_t size = 0;
  ByteView data;                 ///< whole, or the head of a large one; valid during the call
};

enum class Anomaly : std::uint8_t {
  memo_unset,          ///< GET of an index never set; detail: index
  memo_previous,       ///< ... which an earlier stream of this input had set; detail: index
  memo_index,          ///< PUT far beyond what is there; detail: index
  proto_repeated,      ///< PROTO not at the start; detail: version
  proto_unsupported,   ///< PROTO above 5; detail: version
  proto_missing,       ///< an opcode of protocol 4 or 5 without PROTO; detail: opcode
  frame_beyond_input,  ///< FRAME claims more than there is; detail: length
  expansion,           ///< a container whose expansion dwarfs the stream; detail: elements, saturating
  depth,               ///< containers nested deeper than `k_deep`; detail: depth
  big_number,          ///< INT or LONG with more digits than CPython converts; detail: digits
  bad_extension,       ///< EXT code 0 or negative
  buffer,              ///< NEXT_BUFFER
  bad_operand,         ///< a number that is none, a name that is not UTF-8
};

/// Nesting beyond which CPython's destructors and hash functions recurse dangerously.
inline constexpr std::uint32_t k_deep = 10'000;

class Machine;

/// Told what happens, in stream order. All handles may be inspected through the machine during the call.
class Observer {
 public:
  virtual ~Observer();
  /// GLOBAL, INST, STACK_GLOBAL, each time; and the first time a global is reached by getattr and the like.
  virtual void on_global(const Machine&, Value, std::uint64_t /*offset*/, std::uint8_t /*opcode*/) {}
  /// STACK_GLOBAL (or a resolver call) whose operands are not known texts.
  virtual void on_dynamic_global(const Machine&, Value /*module*/, Value /*name*/, std::uint64_t /*offset*/) {}
  virtual void on_call(const Machine&, const Call&) {}
  virtual void on_build(const Machine&, const Build&) {}
  virtual void on_item_write(const Machine&, const ItemWrite&) {}
  virtual void on_persistent_id(const Machine&, Value, std::uint64_t /*offset*/, std::uint8_t /*opcode*/) {}
  virtual void on_extension(const Machine&, std::int64_t /*code*/, std::uint64_t /*offset*/) {}
  /// Texts of at least Options::min_text bytes, bytes of at least Options::min_bytes.
  virtual void on_literal(const Machine&, const Literal&) {}
  virtual void on_anomaly(const Machine&, Anomaly, std::uint64_t /*offset*/, std::uint64_t /*detail*/) {}
  /// What a global is called after the loader's name translation and through known aliases, so that
  /// `collections._sys.modules` is followed as `sys.modules`. Asked once for each global.
  virtual std::pair<std::string, std::string> canonical(const Global& global);
};

/// Why run() returned.
enum class RunStatus : std::uint8_t {
  stopped,      ///< STOP; result() is the object
  interrupted,  ///< the observer asked; run() goes on behind the opcode
  malformed,    ///< see RunEnd::what
  truncated,    ///< the input ends inside the stream
  exhausted,    ///< no opcodes left in the budget
};

struct RunEnd {
  RunStatus status = RunStatus::stopped;
  std::uint64_t offset = 0;  ///< behind STOP, or of the opcode that failed
  const char* what = "";     ///< literal clause: "stack underflow"
};

/// One stream after the other; the memo of the previous stream is remembered, because one Unpickler may read both.
class Machine {
 public:
  struct Options {
    std::uint32_t min_text = 12;
    std::uint32_t min_bytes = 8;
  };
  Machine(Observer& observer, Budget& budget, Options options);
  Machine(Observer& observer, Budget& budget) : Machine(observer, budget, Options{}) {}
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Runs from the reader's position to STOP or trouble; afterwards the reader stands at RunEnd::offset.
  /// Throws Malformed only for limits (memory, time, cancelled).
  RunEnd run(ForwardReader& in);
  /// Makes run() return `interrupted` behind the current opcode. For observers that know what lies there.
  void interrupt() const noexcept;
  /// Forgets the stack and begins a new stream.
  void next_stream();
  /// A stream of its own in the middle of this one (joblib's arrays of objects), and back again.
  void enter_inner();
  void leave_inner();

  Value result() const noexcept;
  /// Highest PROTO so far in this stream; 0 without.
  std::uint8_t protocol() const noexcept;
  std::uint64_t opcodes() const noexcept;       ///< of all streams
  std::uint64_t memo_entries() const noexcept;  ///< of this stream
  const std::vector<Global>& globals() const noexcept;

  // --- inspection --------------------------------------------------------------------------------------------
  Kind kind(Value) const noexcept;
  /// The number, for integers that fit 60 bits and booleans.
  std::optional<std::int64_t> integer(Value) const noexcept;
  /// Characters of a text (UTF-8 where valid) or content of bytes; nothing when they are not at hand.
  std::optional<std::string_view> text(Value) const noexcept;
  /// Where the literal's data lies in the input, for texts and bytes.
  std::optional<ByteRange> extent(Value) const noexcept;
  /// Items of a container (key, value, key … for a dict), at most `limit`. Empty when forgotten.
  std::vector<Value> items(Value, std::size_t limit = 4096) const;
  /// Whether items() has all of them.
  bool items_known(Value) const noexcept;
  std::uint64_t length(Value) const noexcept;   ///< items of a container
  const Global* global(Value) const noexcept;
  std::uint32_t global_index(Value) const noexcept;
  std::string_view module_name(Value) const noexcept;
  /// Of an object: what was called, with what, and the state of a later BUILD. Of an attribute: its base; its name as
  /// `args`. Of a persistent value: its id as `args`.
  struct Parts {
    Value callable, args, state;
  };
  Parts parts(Value) const;
  /// A short text for evidence: "posix.system", "'echo pwned'", "(1, 'x')". Raw, at most `limit` bytes or so.
  std::string describe(Value, std::size_t limit = 160) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelaudit::wire::pickle
