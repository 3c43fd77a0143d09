/// @file
/// Policy: what a user decides about facts. Applied to a result after the cache; it never re-scans.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelaudit/export.hpp"
#include "modelaudit/scan_result.hpp"

namespace modelaudit {

/// Suppressions, severities and names that the user vouches for.
struct Policy {
  /// Rule ids, S-codes or ranges of S-codes ("S200-S299"). Suppressed findings stay in the report, marked.
  std::vector<std::string> suppress;
  /// (rule id or S-code, severity word: critical, high, medium, warning, low, info).
  std::vector<std::pair<std::string, std::string>> severity;
  /// Python names that may be reached: "package.module.Class", or "package.module.*" for everything below.
  std::vector<std::string> allow;

  bool empty() const noexcept { return suppress.empty() && severity.empty() && allow.empty(); }
};

/// Checks every word of a policy. @throws Error naming the first that is not understood and what would be.
MODELAUDIT_EXPORT void validate(const Policy& policy);

/// Applies a validated policy to a result, in place: first allowed names, then severities (the last that matches counts),
/// then suppressions. Nothing is taken away: a finding that no longer counts is marked (Finding::suppressed_by).
MODELAUDIT_EXPORT void apply(const Policy& policy, ScanResult& result);

/// The same for findings that belong to no file (ScanReport::findings).
MODELAUDIT_EXPORT void apply_to_findings(const Policy& policy, std::vector<Finding>& findings);

/// Reads and checks a policy file (TOML: `suppress`, `allow`, `[severity]`; in a pyproject.toml below
/// `[tool.modelaudit]`). `file_name` is for messages. @throws Error with line and reason; an unknown key is one.
MODELAUDIT_EXPORT Policy parse_policy(std::string_view toml, std::string_view file_name);

}  // namespace modelaudit
