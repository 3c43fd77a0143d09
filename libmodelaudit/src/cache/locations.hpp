#pragma once

#include <filesystem>

#include "modelaudit/result.hpp"

namespace modelaudit::cache {

/// `$MODELAUDIT_CACHE_DIR`, else `$XDG_CACHE_HOME/modelaudit`, else `~/.cache/modelaudit`. A Failure when the user has no
/// home, or when it belongs to somebody else (as under sudo): nothing is created there.
Result<std::filesystem::path> default_cache_dir();

/// `$XDG_STATE_HOME/modelaudit/cache.key`, else `~/.local/state/modelaudit/cache.key`. Fails as default_cache_dir().
Result<std::filesystem::path> default_key_file();

/// Makes a folder and those above it that are missing, mode 0700.
Result<void> make_private_folders(const std::filesystem::path& folder);

}  // namespace modelaudit::cache
