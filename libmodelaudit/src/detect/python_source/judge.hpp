/// @file
/// Judgement of Python source: what importing it would do, and what calling into it could.
#pragma once

#include <string_view>
#include <vector>

#include "modelaudit/finding.hpp"

namespace modelaudit::detect {

enum class PythonKind : std::uint8_t {
  module,    ///< imported or run
  fx_graph,  ///< text of an FX graph module: `_code`; torch compiles it, so only graph operations belong there
};

struct PythonJudgement {
  std::vector<Finding> findings;
  std::vector<Gap> gaps;
};

/// Never throws for the content.
PythonJudgement judge_python(std::string_view source, PythonKind kind = PythonKind::module);

}  // namespace modelaudit::detect
