#include "cache_place.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "command.hpp"

namespace modelaudit::cli {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

void declare_cache_place(CLI::App& app, CachePlace& place) {
  app.add_option("--cache-dir", place.dir, "Folder of the result cache")->type_name("DIR");
  app.add_option("--cache-url", place.url, "Cache on a Redis server: redis://host:port/db or unix:///path?db=N")
      ->type_name("URL");
  app.add_option("--cache-key", place.key, "File with the key that authenticates the cache's entries")->type_name("FILE");
}

CacheOptions cache_options(const CachePlace& place) {
  if (!place.dir.empty() && !place.url.empty()) throw UsageError("--cache-dir and --cache-url exclude each other");
  CacheOptions options;
  options.dir = place.dir;
  options.url = place.url;
  options.key_file = place.key;
  if (place.dir.empty() && place.url.empty()) options.url = environment("MODELAUDIT_CACHE_URL");
  if (place.key.empty()) options.key_file = environment("MODELAUDIT_CACHE_KEY");
  return options;
}

}  // namespace modelaudit::cli
