/// @file
/// Names from bytes: what the container declares, or what the bytes show.
#pragma once

#include <string>
#include <string_view>

#include "detect/paths.hpp"

namespace modelaudit::detect {

/// The name as UTF-8. `undecodable` is set when the bytes are not in the declared charset.
std::string decode_name(std::string_view raw, NameCharset charset, bool& undecodable);

/// Key under which names meet that some file system takes for one: case folded, accents decomposed, trailing dots and
/// spaces of each component dropped.
std::string collision_key(std::string_view normalised);

}  // namespace modelaudit::detect
