/// @file
/// Places and families as text, the same in every report.
#pragma once

#include <string>
#include <string_view>

#include "modelaudit/finding.hpp"

namespace modelaudit::report {

/// "path:member:member (pos N)" or "(line N)", raw: the caller escapes it.
std::string location_text(const Location& where);

/// The rule's family, the word before its first dash: "pickle".
std::string_view family_of(std::string_view rule_id) noexcept;

}  // namespace modelaudit::report
