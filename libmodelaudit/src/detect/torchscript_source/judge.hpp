/// @file
/// Judgement of TorchScript source, as an archive's code/ members hold it. The run time compiles it with a grammar of its
/// own: no import beyond the archive, no Python builtins. What falls outside is meant for another reader.
#pragma once

#include <string_view>
#include <vector>

#include "modelaudit/finding.hpp"

namespace modelaudit::detect {

struct TorchScriptJudgement {
  std::vector<Finding> findings;
  bool complete = true;  ///< false: longer than what is read
};

/// Never throws for the content.
TorchScriptJudgement judge_torchscript(std::string_view source);

}  // namespace modelaudit::detect
