/// @file
/// Rules: what a finding is called, how bad it is by default, and why. Rules are data; scanners name them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "modelaudit/export.hpp"

namespace modelaudit {

/// How bad a finding is. `warning` and above make the exit status 1.
enum class Severity : std::uint8_t { debug = 0, info = 1, warning = 2, critical = 3 };

MODELAUDIT_EXPORT const char* to_string(Severity severity) noexcept;

/// One row of the catalogue. All members point to static storage.
struct Rule {
  std::string_view id;          ///< kebab-case, family first: "pickle-build-patch"; never reused
  std::string_view name;        ///< a few words for a heading
  Severity severity;            ///< default severity
  std::string_view why;         ///< one or two sentences for a person: what loading would do
  std::string_view advice;      ///< what to do about it
  std::string_view references;  ///< CVE, specification or paper, separated by "; "; may be empty
  std::string_view code;        ///< S-code alias such as "S201"; may be empty
};

/// Every built-in rule, sorted by id.
MODELAUDIT_EXPORT std::span<const Rule* const> builtin_rules() noexcept;

/// A built-in rule by id or S-code alias (the first with that alias), or nullptr. Case does not matter.
MODELAUDIT_EXPORT const Rule* find_rule(std::string_view id_or_code) noexcept;

}  // namespace modelaudit
