#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "modelaudit/auditor.hpp"
#include "modelaudit/cache.hpp"
#include "support/folder.hpp"

namespace modelaudit::test {

/// A result with every field filled, so that a field that gets lost is seen.
ScanResult rich_result(const std::string& path);
Trace rich_trace();
/// Every field, those included that ScanResult::operator== passes over.
bool same_in_all(const ScanResult& a, const ScanResult& b);

CacheSecret secret_of(std::uint8_t byte);
Digest digest_of(std::uint8_t byte);

/// Waits until the file's times are old enough for its results to be kept.
void settle(const std::filesystem::path& path);

/// Keys for the default options and no scanner.
SmartCacheKeyGenerator plain_keys();

/// What the engine would yield for a file: its content becomes the finding, its identity the trace's. Without digests
/// the result can be found by the file's identity alone.
TracedResult scan_content(const std::filesystem::path& path, TraceNeed need = TraceNeed::none);
/// What the engine would record of a file beside another one, and of a pattern.
Companion companion_of(const std::filesystem::path& folder, const std::string& name, std::vector<ByteRange> ranges);
Listing listing_of(const std::filesystem::path& folder, const std::string& pattern);

/// A folder for a cache and one for what it scans.
struct Workshop {
  TemporaryFolder folder;
  CacheOptions options() const;
  std::shared_ptr<CacheManager> open() const { return get_cache_manager(options()); }
  std::filesystem::path cache() const { return folder / "cache"; }
  /// A file to scan, settled.
  std::filesystem::path file(const std::string& name, const std::string& content) const;
  /// The files below the records' folder, sorted.
  std::vector<std::filesystem::path> records() const;
};

/// cached_scan() of scan_content() under plain_keys().
ScanResult cached(CacheManager& cache, const std::filesystem::path& path);

/// The content that a result of scan_content() was made from.
std::string content_of(const ScanResult& result);

/// Runs `body` in a child process, as an ordinary user when we are root, and returns its exit status (128 + signal
/// when it was killed).
int in_child(const std::function<int()>& body);
/// Gives a path and everything below it to the user that in_child() runs as.
void give_to_child(const std::filesystem::path& path);

}  // namespace modelaudit::test
