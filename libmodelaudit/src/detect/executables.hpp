/// @file
/// Recognition of native executables, bytecode and scripts by structure. A magic alone never counts where weights
/// could hold it by chance: random tensors contain `MZ` every 64 KiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "modelaudit/rule.hpp"

namespace modelaudit::detect {

enum class ExecutableKind : std::uint8_t {
  pe,          ///< Windows program or library
  elf,         ///< Linux program or library
  macho,       ///< macOS program or library
  macho_fat,   ///< the same for several processors
  java_class,
  dex,         ///< Android bytecode
  wasm,        ///< WebAssembly module
  lnk,         ///< Windows shortcut: names a command line
  pyc,         ///< compiled Python
  gpu_binary,  ///< CUDA fat binary or cubin: ordinary in compiled models
};

/// "ELF", "Windows PE" … for messages.
std::string_view to_string(ExecutableKind kind) noexcept;
/// The rule that names this kind of executable.
const Rule& rule_for(ExecutableKind kind) noexcept;

/// Is there an executable at the start of `data`?
///
/// @param data      the candidate and what follows it; the first 64 KiB are enough
/// @param at_start  `data` starts an input or member. Then a complete identification block suffices for formats with a
///                  long one (ELF), and truncated files are recognised; elsewhere the header must hold throughout.
/// @param named_executable  the name promises an executable (see has_executable_name): then `MZ` alone suffices too.
std::optional<ExecutableKind> identify_executable(ByteView data, bool at_start, bool named_executable = false);

/// Does a name end like a native program or library: .exe .dll .so .so.1 .dylib .pyd …?
bool has_executable_name(std::string_view name);

/// An executable found inside other bytes.
struct EmbeddedExecutable {
  std::uint64_t offset;  ///< absolute: the view's own offset is added
  ExecutableKind kind;
};

/// All executables that start in the first `starts` bytes of `data`, with full structural confirmation; at most `max`
/// of them. One pass.
std::vector<EmbeddedExecutable> find_executables(ByteView data, std::size_t max = 64, std::uint64_t starts = UINT64_MAX);

enum class ScriptKind : std::uint8_t { shebang, shell, batch, powershell, javascript, vbscript, python };

std::string_view to_string(ScriptKind kind) noexcept;

/// A script, recognised by its content.
struct ScriptJudgement {
  ScriptKind kind = ScriptKind::shell;
  bool downloads_and_runs = false;  ///< fetches something and runs it, opens a shell to the network, or decodes and runs
  std::string extract;              ///< the line that says so, at most 160 bytes, raw
};

/// Is this input a script? `named_script`: the name says so (see has_script_name); then a weaker sign suffices.
/// Looks at the first 64 KiB.
std::optional<ScriptJudgement> identify_script(ByteView head, bool named_script = false);

/// Does a name end like a script: .sh .bat .cmd .ps1 .vbs .js …?
bool has_script_name(std::string_view name);

}  // namespace modelaudit::detect
