#pragma once

#include <string>

namespace modelaudit::cache {

/// "<library version>+<build id>": stands in each record and in the fingerprint.
const std::string& producer();

}  // namespace modelaudit::cache
