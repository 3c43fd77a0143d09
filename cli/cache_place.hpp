/// @file
/// Where the cache of results is: the options that `scan` and `cache` share.
#pragma once

#include <modelaudit/auditor.hpp>
#include <string>

namespace CLI {
class App;
}

namespace modelaudit::cli {

struct CachePlace {
  std::string dir;
  std::string url;
  std::string key;
};

/// Declares --cache-dir, --cache-url and --cache-key.
void declare_cache_place(CLI::App& app, CachePlace& place);

/// What was said, else $MODELAUDIT_CACHE_URL and $MODELAUDIT_CACHE_KEY. A folder that is named on the command line wins
/// over a server that the environment names.
/// @throws UsageError when folder and server are both named.
CacheOptions cache_options(const CachePlace& place);

}  // namespace modelaudit::cli
