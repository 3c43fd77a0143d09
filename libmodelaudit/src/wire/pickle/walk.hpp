/// @file
/// A walk over opcodes that counts the stack instead of building it: is this a pickle at all?
#pragma once

#include <cstdint>

#include "modelaudit/scanner.hpp"
#include "wire/pickle/lexer.hpp"

namespace modelaudit::wire::pickle {

/// What a walk met until it ended.
struct Walk {
  std::uint64_t opcodes = 0;    ///< valid ones, with a legal stack
  std::uint64_t end = 0;        ///< behind STOP, or where it broke
  bool stopped = false;         ///< STOP with a value on the stack
  bool broken = false;          ///< not an opcode, stack underflow, malformed operand
  bool cut = false;             ///< the bytes at hand end first
  bool has_proto = false;       ///< begins with PROTO 0 to 5
  bool has_frame = false;       ///< PROTO, then a FRAME that fits the input
  std::uint64_t globals = 0;    ///< GLOBAL, INST or STACK_GLOBAL that are well formed
  std::uint64_t calls = 0;      ///< REDUCE, INST, OBJ, NEWOBJ, NEWOBJ_EX, BUILD
};

/// Told the names of GLOBAL and INST, so that a caller can look them up. Return value: none.
class WalkListener {
 public:
  virtual ~WalkListener() = default;
  virtual void on_name(std::string_view module, std::string_view name) = 0;
};

/// Walks one stream from the reader's position, at most `max_opcodes`.
Walk walk(ForwardReader& in, std::uint64_t max_opcodes, WalkListener* listener = nullptr);

/// Is this text what a producer could write as a module or attribute path: printable, no blanks?
bool is_name_like(std::string_view text) noexcept;

}  // namespace modelaudit::wire::pickle
