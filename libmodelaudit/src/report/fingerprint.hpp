/// @file
/// Names for findings and for the catalogue that stay the same from run to run.
#pragma once

#include <string>

#include "modelaudit/finding.hpp"

namespace modelaudit::report {

/// 32 hexadecimal digits that stay the same for the same finding in the same file, wherever its folder lies: from rule,
/// file name, members, place and evidence.
std::string fingerprint(const Finding& finding);

/// 16 hexadecimal digits for the built-in catalogue as a whole.
std::string ruleset_digest();

}  // namespace modelaudit::report
