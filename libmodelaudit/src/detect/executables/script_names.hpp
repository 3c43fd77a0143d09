/// @file
/// Names that say "script".
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "detect/executables.hpp"

namespace modelaudit::detect {

struct ScriptName {
  std::string_view extension;
  ScriptKind kind;
};

/// `.js` is not among them: most of it is for browsers, so that its content decides alone.
inline constexpr std::array<ScriptName, 15> k_script_names{{
    {".bash", ScriptKind::shell},
    {".bat", ScriptKind::batch},
    {".cmd", ScriptKind::batch},
    {".command", ScriptKind::shell},
    {".csh", ScriptKind::shell},
    {".hta", ScriptKind::vbscript},
    {".jse", ScriptKind::javascript},
    {".ksh", ScriptKind::shell},
    {".ps1", ScriptKind::powershell},
    {".psm1", ScriptKind::powershell},
    {".sh", ScriptKind::shell},
    {".vbe", ScriptKind::vbscript},
    {".vbs", ScriptKind::vbscript},
    {".wsf", ScriptKind::vbscript},
    {".zsh", ScriptKind::shell},
}};

std::optional<ScriptKind> script_kind_of_extension(std::string_view extension);

}  // namespace modelaudit::detect
