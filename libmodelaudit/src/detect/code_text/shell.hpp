/// @file
/// Chains of shell commands that fetch, decode or connect, and then run.
#pragma once

#include <optional>
#include <string_view>

#include "detect/code_text.hpp"

namespace modelaudit::detect {

/// The first such chain in one logical line (a line with its continuations). Case of command names counts, except for
/// Windows commands. No opinion on whether the line is talked about.
std::optional<CodeMatch> find_shell_chain(std::string_view line);

}  // namespace modelaudit::detect
