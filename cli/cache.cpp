// modelaudit cache stats|clear|cleanup|verify, and the flags --stats, --clear, --cleanup N that mean the same.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <modelaudit/auditor.hpp>
#include <modelaudit/cache.hpp>
#include <modelaudit/downloads.hpp>
#include <modelaudit/error.hpp>
#include <modelaudit/report.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cache_place.hpp"
#include "command.hpp"
#include "console.hpp"

namespace modelaudit::cli {

namespace {

using Days = std::chrono::duration<std::int64_t, std::ratio<86400>>;
using Json = nlohmann::ordered_json;

constexpr int k_default_age_days = 30;
constexpr int k_oldest_days = 36500;

struct CacheWords {
  bool stats = false;
  bool clear = false;
  std::optional<int> cleanup_days;  ///< the flag form
  int max_age_days = k_default_age_days;
  bool dry_run = false;
  bool repair = false;
  CachePlace place;
  std::string format = "text";
};

std::shared_ptr<CacheManager> open_cache(const CacheWords& words, CacheAccess access = CacheAccess::inspect) {
  return get_cache_manager(cache_options(words.place), access);
}

/// Fetched files lie in the cache's folder; a cache on a server has none.
std::shared_ptr<DownloadStore> open_downloads(const CacheManager& cache) {
  return cache.directory().empty() ? nullptr : DownloadStore::open(cache.directory(), CacheAccess::inspect);
}

std::string megabytes(std::uint64_t bytes) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

void show_stats(const CacheWords& words) {
  const auto cache = open_cache(words);
  const CacheStats stats = cache->stats();
  const auto downloads = open_downloads(*cache);
  const BackendStats kept = downloads ? downloads->stats() : BackendStats{};
  const bool folder = cache->server().empty();
  const std::string place = folder ? cache->directory().string() : cache->server();
  if (words.format == "json") {
    const Json out = {{folder ? "directory" : "server", place},
                      {"entries", stats.entries},
                      {"bytes", stats.bytes},
                      {"hits", stats.hits},
                      {"hits_stat", stats.hits - stats.trace_hits},
                      {"hits_trace", stats.trace_hits},
                      {"misses", stats.misses},
                      {"bypassed", stats.bypassed},
                      {"rejected", stats.rejected},
                      {"backend_failures", stats.backend_failures},
                      {"hit_rate", stats.hit_rate()},
                      {"bytes_hashed", stats.bytes_hashed},
                      {"time_saved_us", stats.time_saved_us},
                      {"downloads", {{"files", kept.entries}, {"bytes", kept.bytes}}}};
    return print(out.dump(2, ' ', true, Json::error_handler_t::replace) + "\n");
  }
  char rate[32];
  std::snprintf(rate, sizeof rate, "%.0f%%", 100 * stats.hit_rate());
  char saved[32];
  std::snprintf(saved, sizeof saved, "%.1f s", static_cast<double>(stats.time_saved_us) / 1e6);
  print((folder ? "Folder:     " : "Server:     ") + escape_for_terminal(place) + "\n" +
        "Entries:    " + std::to_string(stats.entries) + " (" + megabytes(stats.bytes) + ")\n" +
        "Hits:       " + std::to_string(stats.hits) + " of " + std::to_string(stats.hits + stats.misses) + " (" + rate +
        "), " + std::to_string(stats.trace_hits) + " by content\n" + "Hashed:     " + megabytes(stats.bytes_hashed) + "\n" +
        "Bypassed:   " + std::to_string(stats.bypassed) + "\n" +
        "Rejected:   " + std::to_string(stats.rejected) + "\n" + "Time saved: " + saved + "\n" +
        "Downloads:  " + std::to_string(kept.entries) + " (" + megabytes(kept.bytes) + ")\n");
}

void show_removal(const CacheWords& words, const CacheRemoval& results, const CacheRemoval& downloads) {
  if (words.format == "json") {
    const Json out = {{"dry_run", words.dry_run},
                      {"entries", results.entries},
                      {"bytes", results.bytes},
                      {"downloads", {{"files", downloads.entries}, {"bytes", downloads.bytes}}}};
    return print(out.dump(2) + "\n");
  }
  std::string text = (words.dry_run ? "Would remove " : "Removed ") + std::to_string(results.entries) + " entries (" +
                     megabytes(results.bytes) + ")";
  if (downloads.entries != 0)
    text += " and " + std::to_string(downloads.entries) + " fetched files (" + megabytes(downloads.bytes) + ")";
  print(text + ".\n");
}

/// Removes what was not used for `max_age`; seconds::min() means everything.
void remove(const CacheWords& words, std::chrono::seconds max_age) {
  const auto cache = open_cache(words);
  const bool all = max_age == std::chrono::seconds::min() && !words.dry_run;
  const CacheRemoval results = all ? cache->clear() : cache->cleanup(max_age, words.dry_run);
  const auto store = open_downloads(*cache);
  show_removal(words, results, store ? store->cleanup(max_age, words.dry_run) : CacheRemoval{});
}

void clear(const CacheWords& words) {
  remove(words, std::chrono::seconds::min());
}

void cleanup(const CacheWords& words, int days) {
  remove(words, Days(days));
}

/// 0 when every entry is good, and when the bad ones were removed.
int verify(const CacheWords& words) {
  const CacheCheck check = open_cache(words, CacheAccess::verify)->verify(words.repair);
  if (words.format == "json") {
    const Json out = {{"good", check.good},
                      {"other_builds", check.other_builds},
                      {"bad", check.bad},
                      {"removed", check.removed}};
    print(out.dump(2) + "\n");
  } else {
    print("Good:         " + std::to_string(check.good) + "\n" +
          "Other builds: " + std::to_string(check.other_builds) + "\n" + "Bad:          " + std::to_string(check.bad) +
          (check.removed != 0 ? ", removed" : check.bad != 0 ? "; --repair removes them" : "") + "\n");
  }
  return check.bad == check.removed ? k_ok : k_command_failed;
}

int run_flags(const CacheWords& words) {
  const int asked = (words.stats ? 1 : 0) + (words.clear ? 1 : 0) + (words.cleanup_days ? 1 : 0);
  if (asked != 1)
    throw UsageError("cache wants one of stats, clear, cleanup and verify; 'modelaudit cache --help' explains them");
  if (words.stats) show_stats(words);
  if (words.clear) clear(words);
  if (words.cleanup_days) cleanup(words, *words.cleanup_days);
  return k_ok;
}

void declare_common(CLI::App& app, CacheWords& words) {
  declare_cache_place(app, words.place);
  app.add_option("-f,--format", words.format, "Form of the output")->check(CLI::IsMember({"text", "json"}));
}

}  // namespace

Command add_cache(CLI::App& program) {
  CLI::App* app = program.add_subcommand("cache", "Show, check or empty the cache of results");
  auto words = std::make_shared<CacheWords>();
  declare_common(*app, *words);
  app->require_subcommand(0, 1);
  app->add_flag("--stats", words->stats, "As 'cache stats'");
  app->add_flag("--clear", words->clear, "As 'cache clear'");
  app->add_option("--cleanup", words->cleanup_days, "As 'cache cleanup --max-age DAYS'")
      ->type_name("DAYS")
      ->check(CLI::Range(0, k_oldest_days));
  app->add_flag("--dry-run", words->dry_run, "Only count what would be removed");

  CLI::App* stats = app->add_subcommand("stats", "Show what the cache holds and what it saved");
  declare_common(*stats, *words);
  CLI::App* clear_app = app->add_subcommand("clear", "Remove every entry");
  declare_common(*clear_app, *words);
  clear_app->add_flag("--dry-run", words->dry_run, "Only count what would be removed");
  CLI::App* cleanup_app = app->add_subcommand("cleanup", "Remove entries that were not used for some days");
  declare_common(*cleanup_app, *words);
  cleanup_app->add_option("--max-age", words->max_age_days, "Age in days")
      ->type_name("DAYS")
      ->check(CLI::Range(0, k_oldest_days))
      ->capture_default_str();
  cleanup_app->add_flag("--dry-run", words->dry_run, "Only count what would be removed");

  CLI::App* verify_app = app->add_subcommand("verify", "Check every entry: authentic, whole, readable");
  declare_common(*verify_app, *words);
  verify_app->add_flag("--repair", words->repair, "Remove the bad ones");

  return {app, [words, stats, clear_app, cleanup_app, verify_app] {
            const bool flags = words->stats || words->clear || words->cleanup_days;
            const bool named = stats->parsed() || clear_app->parsed() || cleanup_app->parsed() || verify_app->parsed();
            if (flags && named) throw UsageError("cache wants one of stats, clear, cleanup and verify, not several");
            try {
              if (!named) return run_flags(*words);
              if (verify_app->parsed()) return verify(*words);
              if (stats->parsed()) show_stats(*words);
              if (clear_app->parsed()) clear(*words);
              if (cleanup_app->parsed()) cleanup(*words, words->max_age_days);
            } catch (const Error& error) {
              complain(error.what());
              return k_command_failed;
            }
            return k_ok;
          }};
}

}  // namespace modelaudit::cli
