#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace modelaudit::sources {

/// Why a component of a server's path cannot be a file name here; nothing when it can. Refused, so that a name means the
/// same everywhere: empty, "." and "..", separators, colons, control characters, what Windows keeps for devices or drops
/// from the end, more than 240 bytes.
std::optional<std::string> why_unusable(std::string_view component);

/// The same for all components of a relative name, and for the whole of it: at most 4,096 bytes.
std::optional<std::string> why_unusable_path(std::string_view relative_name);

/// As why_unusable(), also for what the name becomes when somebody percent-decodes it once, twice or three times.
std::optional<std::string> why_unusable_encoded(std::string_view component);

}  // namespace modelaudit::sources
