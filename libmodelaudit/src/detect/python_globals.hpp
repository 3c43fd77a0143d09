/// @file
/// What importing a Python global, and calling it, could do: exact tables and the resolution that a loader does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modelaudit::detect {

enum class GlobalKind : std::uint8_t {
  safe,      ///< exactly in the table of names that real frameworks write and that do no harm
  warning,   ///< a side effect or an indirection
  critical,  ///< runs code, writes files, opens the network, or leads to what does
  unknown,   ///< in no table: cannot be cleared
};

/// Why a name got its kind, beyond the text: rules differ by it.
enum class GlobalReason : std::uint8_t {
  table,            ///< the exact row
  module_row,       ///< the whole module is listed
  resolved,         ///< the dotted name or module reaches a listed object
  component,        ///< a component walks the object graph: __globals__, __subclasses__ …
  private_alias,    ///< a component is a module re-exported by another: collections._sys
  scanner_tamper,   ///< the module belongs to a scanner
  odd_name,         ///< control characters, blanks or bytes outside UTF-8 in the name
  none,             ///< safe or unknown
};

/// The judgement of one (module, name).
struct GlobalJudgement {
  GlobalKind kind = GlobalKind::unknown;
  GlobalReason reason = GlobalReason::none;
  /// The object as the loader finds it: Python 3 spelling, and for dotted names the row that decided.
  std::string module, name;
  /// A clause for a person; static storage; empty for safe and unknown.
  std::string_view why;
};

/// Judges what unpickling `module`, `name` reaches. Order: exact dangerous row, resolution of dots and aliases, exact
/// safe row, row for the whole module, unknown. A safe row never overrides a critical one that is reached by resolution.
///
/// @param python2_names protocol < 3: the loader translates Python 2 names first (fix_imports); both spellings are
///                      judged, the worse one wins.
/// @par Cost about 0.1 us for plain names; the caller keeps a memo per file.
GlobalJudgement judge_global(std::string_view module, std::string_view name, bool python2_names);

/// True when `module` or a package above it has a row for the whole module that is critical: os, subprocess, ctypes.
bool is_dangerous_module(std::string_view module);

/// True when importing `module` only runs what is known: it, or a package below it, has safe names in the table, or it
/// belongs to Python's standard library, and is_dangerous_module() does not hold.
bool is_cleared_module(std::string_view module);

/// The kind of a component met on an attribute walk (getattr with a constant, dotted names): `unknown` for ordinary ones.
GlobalKind judge_attribute(std::string_view attribute);

}  // namespace modelaudit::detect
