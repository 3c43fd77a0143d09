/// @file
/// Findings about programs and scripts, worded in one place.
#pragma once

#include <cstdint>

#include "detect/executables.hpp"
#include "modelaudit/finding.hpp"

namespace modelaudit::detect {

/// A program at `offset`. `named_so`: it fills a file or member of its own whose name says what it is; then it is
/// somebody's library rather than something hidden.
Finding program_finding(ExecutableKind kind, std::uint64_t offset, bool named_so);
Finding script_finding(const ScriptJudgement& script, std::uint64_t offset);

}  // namespace modelaudit::detect
