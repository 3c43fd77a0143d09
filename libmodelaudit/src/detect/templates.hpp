/// @file
/// Judgement of Jinja templates. A template is never rendered: it is parsed, its constants are folded and the names
/// that it would look up are judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/budget.hpp"
#include "modelaudit/finding.hpp"

namespace modelaudit::detect {

/// What the judgement of one template came to.
struct TemplateJudgement {
  std::vector<Finding> findings;  ///< with offset and line in the template
  std::vector<Gap> gaps;          ///< what could not be judged: syntax that does not parse, a limit
};

/// Judges a template's text. Never throws for its content.
TemplateJudgement judge_template(std::string_view text);

/// Does a string hold template syntax worth judging (`{{`, `{%`)?
bool has_template_syntax(std::string_view text) noexcept;

}  // namespace modelaudit::detect
