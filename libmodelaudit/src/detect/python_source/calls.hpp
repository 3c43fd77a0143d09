/// @file
/// What a call in Python source does: classes of callables, whose severity depends on when the call runs.
#pragma once

#include <cstdint>
#include <string_view>

namespace modelaudit::detect::python {

enum class CallClass : std::uint8_t {
  none,
  process,       ///< starts a program
  dynamic_code,  ///< runs text or bytes as code
  native,        ///< loads a native library
  unsafe_load,   ///< unpickles or the like
  network,       ///< opens a connection
  registry,      ///< writes where a system starts programs from
};

/// The class of `module.name` as source spells it after its imports are resolved; methods of results as
/// "socket.socket().connect".
CallClass classify_call(std::string_view path);
/// Names of builtins that matter when nothing else is bound to them.
bool is_builtin_name(std::string_view name);
/// Modules that source may use without an import of its own in sight.
bool is_ambient_module(std::string_view name);

}  // namespace modelaudit::detect::python
