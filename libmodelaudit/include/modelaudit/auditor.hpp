/// @file
/// Auditor: what a host uses.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/budget.hpp"
#include "modelaudit/export.hpp"
#include "modelaudit/policy.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/scanner.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit {

class CacheManager;

/// How files are read.
enum class ReadStrategy : std::uint8_t {
  automatic,   ///< mapped on local file systems that keep change times, positioned on others (network, FUSE, FAT)
  mapped,      ///< memory-mapped; a guard survives a file that is truncated meanwhile
  positioned,  ///< pread; no mapping and no signal handler
};

/// What is going on, for a progress display.
struct Progress {
  std::string_view path;          ///< file being scanned
  std::uint64_t files_done = 0;
  std::uint64_t files_total = 0;  ///< known so far
  std::uint64_t bytes_done = 0;   ///< of this file
  std::uint64_t bytes_total = 0;  ///< of this file
};

/// Called from scanning threads, one call at a time.
using ProgressCallback = std::function<void(const Progress&)>;

/// What a stored result has to prove before it is believed. Each asks for all that those before it ask for.
enum class CacheVerify : std::uint8_t {
  stat,    ///< the file is the same to the operating system: path, device, inode, size and times
  trace,   ///< the bytes that the scan read are the same, by their SHA-256
  always,  ///< every byte of the file is the same, by the SHA-256 of the whole of it, and so is what lies beside it
};

struct CacheOptions {
  bool enabled = true;                           ///< configuration key `cache_enabled`
  CacheVerify verify = CacheVerify::stat;        ///< configuration key `cache_verify`; at least `trace` under `strict`
  bool refresh = false;                          ///< believe nothing that is stored, scan and store anew
  std::filesystem::path dir;                     ///< configuration key `cache_dir`; empty: the user's cache folder
  std::string url;                               ///< configuration key `cache_url`: a server (redis.hpp) instead of a folder
  std::uint64_t max_bytes = std::uint64_t{512} << 20;  ///< of the folder; a server keeps its own limit
  std::filesystem::path key_file;                ///< of the entries' MAC; empty: see CacheSecret::from_file()
};

/// Thresholds for large files. They decide how a file is read and how often is told of it, never what is found.
struct LargeFileOptions {
  /// Bytes of progress through a file between two calls of the progress callback.
  std::uint64_t progress_bytes = std::uint64_t{16} << 20;
  /// Pages of a mapped file that are kept in memory at a time, about; at least 1 MiB. They belong to the page cache and
  /// are no anonymous memory, but count against the limits of containers.
  std::uint64_t window_bytes = std::uint64_t{256} << 20;
};

/// Everything a host can set. A plain value.
struct Options {
  Limits limits;
  bool strict = false;    ///< unknown files inside folders are inconclusive too; cached results are verified by content
  bool deep = false;      ///< sweep declared weight regions
  unsigned threads = 0;   ///< for folders; 0: one per core
  /// Of one scan() over all its targets: what was not begun by then is left out, with an entry of ScanReport::errors that
  /// says so. It never cuts into a file (Limits::time does). Nothing: no limit.
  std::optional<std::chrono::milliseconds> total_time;
  ReadStrategy read = ReadStrategy::automatic;
  LargeFileOptions large;
  /// Files named one by one in several folders are taken for one family of shards, where the folders are the user's
  /// own: see docs/large-files.md.
  bool assume_shard_family = false;
  std::vector<std::string> scanners;           ///< only these ids; empty: all
  std::vector<std::string> excluded_scanners;
  Policy policy;
  CacheOptions cache;
  ProgressCallback progress;
  std::stop_token stop;
};

/// A file or folder that is scanned under another name than its path, such as a download.
struct Target {
  std::filesystem::path path;
  std::string shown;                 ///< what reports say, and what the names below a folder are appended to; empty: the path
  std::optional<ContentId> content;  ///< of a file whose content the caller knows: its result is found again by it
  bool from_folder = false;          ///< one of many: not recognised is listed, as for files inside a scanned folder
  /// Added to ScanResult::metadata of each file, after the cache: it may differ from scan to scan.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Scans files. Made once, used from any number of threads.
class MODELAUDIT_EXPORT Auditor {
 public:
  /// @throws Error for an option that is wrong or contradicts another, and for a cache folder that was asked for
  ///         explicitly and cannot be used.
  explicit Auditor(Options options = {}, ScannerRegistry registry = ScannerRegistry::builtin());
  /// The same with a cache of the host's own, used when `options.cache.enabled`; nullptr: no cache. Several Auditors may
  /// share one.
  Auditor(Options options, ScannerRegistry registry, std::shared_ptr<CacheManager> cache);
  ~Auditor();
  Auditor(Auditor&&) noexcept;
  Auditor& operator=(Auditor&&) noexcept;

  /// Scans a file or a folder (recursively, in parallel, report in sorted order).
  /// Nothing about the target throws: a missing path is an entry of ScanReport::errors.
  ScanReport scan(const std::filesystem::path& target) const;
  /// Several targets as one report; a target named twice is scanned once.
  ScanReport scan(std::span<const std::filesystem::path> targets) const;
  /// The same under names of the caller's.
  ScanReport scan(std::span<const Target> targets) const;

  /// The report on a target whose content was scanned before, out of the cache: nothing of it is read, `path` gives only
  /// the name. Nothing when no result is known, when it rested on other files too, and when `content` is not set.
  std::optional<ScanReport> find_content(const Target& target) const;

  /// Scans one regular file and everything inside it. A symbolic link is followed. What cannot be opened or read is
  /// a gap of kind io_error.
  ScanResult scan_file(const std::filesystem::path& path) const;
  /// Scans a model that is already in memory. `name` is a hint and what reports show.
  ScanResult scan_bytes(std::span<const std::byte> bytes, std::string_view name) const;
  /// Scans what the host has opened and will load through the same descriptor: no gap between check and load.
  /// The descriptor's position is left alone; it stays open.
  ScanResult scan_fd(int fd, std::string_view name) const;
  /// As scan_file(), with a progress callback and a time limit of its own (3,600 s unless told otherwise).
  ScanResult scan_large_file(const std::filesystem::path& path, ProgressCallback progress = {},
                             std::chrono::milliseconds time_limit = std::chrono::milliseconds{3'600'000}) const;

  /// Scans the whole model that a file belongs to: all shards of its family, in parallel, each with a cache entry of its
  /// own, and their index. `path` is any shard or the index; another file is scanned alone. The time limit is for all of
  /// them together.
  ScanReport scan_advanced_large_file(const std::filesystem::path& path, ProgressCallback progress = {},
                                      std::chrono::milliseconds time_limit = std::chrono::milliseconds{3'600'000}) const;

  /// Judges the families of shards anew, by the names and results that a report holds: for one that was put together
  /// from several. Nothing on the disk is looked at.
  void judge_families(ScanReport& report) const;

  const ScannerRegistry& registry() const noexcept;
  const Options& options() const noexcept;
  /// The cache in use, or nullptr.
  CacheManager* cache() const noexcept;
  /// Why the cache is off although the options ask for it; empty when there is nothing to say.
  std::string_view cache_warning() const noexcept;

 private:
  struct MODELAUDIT_NO_EXPORT Impl;
  std::unique_ptr<Impl> impl_;
};

/// "0.1.0"
MODELAUDIT_EXPORT std::string_view library_version() noexcept;

}  // namespace modelaudit
