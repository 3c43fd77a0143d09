#pragma once

#include <string>

namespace modelaudit::cache {

/// What tells this build of the library from every other, in hexadecimal: the linker's build id of the shared object (or
/// of the program that the library is linked into), which is a digest of its code and of all tables compiled in. Where
/// the linker wrote none, a digest of the object file's size and modification time.
const std::string& build_id();

}  // namespace modelaudit::cache
