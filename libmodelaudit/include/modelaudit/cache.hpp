/// @file
/// The result cache: re-scanning an unchanged file costs a stat and one small read, a copy of it the hashing of what the
/// scan read.
///
/// A result is found again in three ways, each together with a *fingerprint* of everything else that findings depend on
/// (see SmartCacheKeyGenerator): by the *identity* of its file (absolute path, device, inode, size, mtime and ctime); by
/// its *trace*, when all that the scan observed is observed again; by the SHA-256 of the *whole content*, where a caller
/// knows it. What is in the cache is never believed: each record carries an HMAC-SHA-256 under a key that lies outside
/// the cache.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/error.hpp"
#include "modelaudit/export.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit {

struct CacheOptions;
enum class CacheVerify : std::uint8_t;
struct Options;
class ScannerRegistry;

/// What a backend knows about one stored entry.
struct CacheEntryInfo {
  Digest key{};
  std::uint64_t bytes = 0;
  std::int64_t last_used_s = 0;  ///< seconds since the epoch
};

/// Totals of a backend.
struct BackendStats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

/// Stores opaque records by key. The manager authenticates what it puts in, so a backend may be anything: a folder,
/// memory, a server. A backend that fails slows a scan, it never changes its result. Hosts may implement it.
///
/// @par Threads  every call may come from any thread.
class MODELAUDIT_EXPORT CacheBackend {
 public:
  virtual ~CacheBackend();
  /// The record; nothing when absent; a Failure when the backend itself failed. The two are never confused.
  virtual Result<std::optional<std::vector<std::byte>>> get(const Digest& key) = 0;
  virtual Result<void> put(const Digest& key, std::span<const std::byte> record) = 0;
  virtual Result<void> erase(const Digest& key) = 0;
  /// Calls `visit` for every entry; stops early when it returns false. `visit` may call erase().
  virtual Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>& visit) = 0;
  virtual Result<BackendStats> stats() = 0;
};

/// Records in memory, for one process; the least recently used go first once `max_bytes` is passed.
MODELAUDIT_EXPORT std::shared_ptr<CacheBackend> make_memory_cache(std::uint64_t max_bytes);

/// Counts of one process (CacheManager::run_stats) or totals for ever (CacheManager::stats).
struct CacheStats {
  std::uint64_t entries = 0;         ///< now stored; totals only
  std::uint64_t bytes = 0;           ///< now stored; totals only
  std::uint64_t hits = 0;            ///< of both kinds
  std::uint64_t trace_hits = 0;      ///< those among them that were verified by content
  std::uint64_t misses = 0;
  std::uint64_t bypassed = 0;        ///< scans that neither asked nor stored: files that could not be looked at
  std::uint64_t rejected = 0;        ///< damaged, foreign or unauthenticated records met: each was a miss
  std::uint64_t backend_failures = 0;
  std::uint64_t bytes_hashed = 0;    ///< of files, to verify or to find results by their content
  std::uint64_t time_saved_us = 0;   ///< what the scans behind the hits took when they were made

  /// Hits among all look-ups, 0 to 1; 0 before the first.
  double hit_rate() const noexcept {
    const auto all = static_cast<double>(hits) + static_cast<double>(misses);
    return all == 0 ? 0 : static_cast<double>(hits) / all;
  }
};

/// What clear() and cleanup() removed, or would remove.
struct CacheRemoval {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

/// What verify() found.
struct CacheCheck {
  std::uint64_t good = 0;           ///< whole, authentic and readable
  std::uint64_t other_builds = 0;   ///< authentic, but of another build of the library: never found, removed by age
  std::uint64_t bad = 0;            ///< damaged, forged or in another's place
  std::uint64_t removed = 0;        ///< of the bad ones
};

/// The key of the records' MAC. Whoever knows it can forge entries, nobody else can.
struct CacheSecret {
  Digest bytes{};

  /// A new one. Suits a backend that lives no longer than the process.
  /// @throws Error when the system has no random numbers.
  MODELAUDIT_EXPORT static CacheSecret random();
  /// The one in `file`, made there (mode 0600) when there is none. A file that holds something else is left alone. Empty:
  /// `$XDG_STATE_HOME/modelaudit/cache.key`, else `~/.local/state/modelaudit/cache.key`. A fleet that shares a backend shares this file.
  /// @throws Error when it cannot be read or made, or when others can read or write it.
  MODELAUDIT_EXPORT static CacheSecret from_file(const std::filesystem::path& file = {});
  /// The same, but one that does not exist is not made. @throws Error then too.
  MODELAUDIT_EXPORT static CacheSecret from_existing_file(const std::filesystem::path& file = {});
};

/// A result together with all that it rests on.
struct TracedResult {
  ScanResult result;
  Trace trace;
};

/// Scans a file anew; the argument says which digests the trace has to carry.
using CacheableScan = std::function<TracedResult(TraceNeed)>;

/// Makes the keys of an Auditor's results.
///
/// The fingerprint covers: library version and build; id and version of each selected scanner; the rule catalogue; and
/// of the options all limits but the time limit, and `deep`. Data tables are compiled in, so the build covers them. It
/// does not cover what cannot change a cached result: policy, paths, threads, read strategy, progress, the time limit
/// (a scan that met it is never stored), `strict`, the cache's own options.
class MODELAUDIT_EXPORT SmartCacheKeyGenerator {
 public:
  /// `registry` as it is after the selection of scanners.
  SmartCacheKeyGenerator(const Options& options, const ScannerRegistry& registry);

  const Digest& fingerprint() const noexcept { return fingerprint_; }
  /// What a result has to prove: CacheOptions::verify, under Options::strict at least `trace`.
  CacheVerify verify() const noexcept { return verify_; }
  /// CacheOptions::refresh: nothing that is stored counts.
  bool refresh() const noexcept { return refresh_; }
  /// Where the result for exactly this file is kept. `identity.path` is absolute; the link count does not count.
  Digest identity_key(const FileIdentity& identity) const;
  /// Where results for content that may be equal are kept; each is to be verified by its trace.
  Digest candidate_key(std::uint64_t size, const Digest& head_and_tail) const;
  /// Where results for exactly this content are kept; what they asked of the name and of files beside is to be verified.
  Digest content_key(const ContentId& content) const;

 private:
  Digest fingerprint_;
  CacheVerify verify_;
  bool refresh_;
};

/// Results in a backend, as authenticated records.
///
/// @par Threads  as safe as the backend.
class MODELAUDIT_EXPORT ScanResultsCache {
 public:
  ScanResultsCache(std::shared_ptr<CacheBackend> backend, const CacheSecret& secret);

  /// The result under `key`, its paths changed to `shown_path`. Nothing when there is none. A Failure `refused` or
  /// `malformed` for a record that is damaged, foreign or forged, `unsupported` for one of another build of the library;
  /// any other Failure is the backend's.
  Result<std::optional<TracedResult>> find(const Digest& key, std::string_view shown_path) const;
  /// Returns the size of the record in bytes. A Failure `limit` for a result too large to keep.
  Result<std::uint64_t> store(const Digest& key, const TracedResult& entry) const;

  CacheBackend& backend() const noexcept { return *backend_; }

 private:
  std::shared_ptr<CacheBackend> backend_;
  CacheSecret secret_;
};

/// What a folder is opened for.
enum class CacheAccess : std::uint8_t {
  scan,     ///< made when it does not exist
  inspect,  ///< for `cache stats` and the like: nothing is created; a folder that does not exist is an empty cache
  verify,   ///< as inspect, for `cache verify`: the key that entries are checked with must be there
};

/// Decides what is looked up, believed, stored and thrown away, and counts.
///
/// @par Threads  every call may come from any thread; several processes may share one folder.
class MODELAUDIT_EXPORT CacheManager {
 public:
  /// With a backend of the host's own.
  CacheManager(std::shared_ptr<CacheBackend> backend, const CacheSecret& secret);
  /// Calls flush().
  ~CacheManager();
  CacheManager(const CacheManager&) = delete;
  CacheManager& operator=(const CacheManager&) = delete;

  /// The stored result for a file, else what `scan` returns, stored if it may be. `shown_path` is how the caller named
  /// the file; no result shows another name. ScanResult::cache tells which it was. Not stored: what is not
  /// deterministic, or a file that changed meanwhile. Stored for its content alone: a file that changed moments before,
  /// that somebody has open for writing, or that lies on a file system without reliable change times.
  ///
  /// @param content  what the caller knows the file to hold and vouches for; results are found and stored by it too.
  /// @par Cost  an identity hit: a stat of the file and of its companions, and one small read; about 20 us. A trace hit:
  ///            the hashing of what the scan read besides, 1 ms for each 1.7 MB. A miss: some 100 us to store.
  ScanResult cached_scan(const SmartCacheKeyGenerator& keys, const std::filesystem::path& path,
                         std::string_view shown_path, const CacheableScan& scan, const ContentId* content = nullptr);

  /// The stored result for a file that is known by its content alone and need not be there, such as one that a server
  /// states the digest of. `name` is the file's own name, for what the scan asked of it. Nothing when there is none, when the
  /// result rested on files beside it, or under CacheVerify::always. Counted as a hit when found and not at all when not.
  std::optional<ScanResult> find_content(const SmartCacheKeyGenerator& keys, const ContentId& content,
                                         std::string_view name, std::string_view shown_path);

  /// Counts of this object alone; entries and bytes are 0.
  CacheStats run_stats() const noexcept;
  /// Totals for ever, this run included. Counts the entries one by one.
  /// @throws Error when the backend cannot be asked.
  CacheStats stats();
  /// Removes every entry, and nothing that the cache did not write. The totals for ever stay.
  /// @throws Error when the backend fails.
  CacheRemoval clear();
  /// Removes entries that were not used for `max_age`. `dry_run` only counts them.
  /// @throws Error when the backend fails.
  CacheRemoval cleanup(std::chrono::seconds max_age, bool dry_run = false);
  /// Reads every entry as a look-up would. `repair` removes the bad ones.
  /// @throws Error when the backend fails.
  CacheCheck verify(bool repair = false);
  /// Adds the counts of this run to the totals and, more than 10 % over the size limit, removes the least recently
  /// used entries. Never throws; without effect on a host's backend.
  void flush() noexcept;

  /// The folder, or empty when there is none.
  const std::filesystem::path& directory() const noexcept;
  /// The address of the server, without its password; empty when there is none.
  const std::string& server() const noexcept;
  /// What the backend's last failure of this run was, for people; empty when there was none.
  std::string_view last_failure() const noexcept;

 private:
  friend MODELAUDIT_EXPORT std::shared_ptr<CacheManager> get_cache_manager(const CacheOptions&, CacheAccess);
  struct Impl;
  explicit CacheManager(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The cache on the server `options.url`, when that is given (redis.hpp). A password that it does not hold is taken from
/// `$MODELAUDIT_CACHE_PASSWORD`, else from the file `$MODELAUDIT_CACHE_PASSWORD_FILE`. A key file that is named must exist.
/// Else the cache in a folder: `options.dir`, else `$MODELAUDIT_CACHE_DIR`, else `$XDG_CACHE_HOME/modelaudit`, else
/// `~/.cache/modelaudit`.
///
/// @throws Error when folder and server are both given, or the server's address is wrong (not when it does not answer:
///         that is a failure of each look-up); when the folder cannot be used: it is a symbolic link, belongs to somebody
///         else, others can write to it, it holds things that the cache did not put there, or the key of its MAC cannot
///         be had.
MODELAUDIT_EXPORT std::shared_ptr<CacheManager> get_cache_manager(const CacheOptions& options,
                                                                  CacheAccess access = CacheAccess::scan);

/// CacheManager::cached_scan() where there may be no cache: with `cache` nullptr, `scan` runs and is marked bypassed.
MODELAUDIT_EXPORT ScanResult scan_with_cache(CacheManager* cache, const SmartCacheKeyGenerator& keys,
                                             const std::filesystem::path& path, std::string_view shown_path,
                                             const CacheableScan& scan, const ContentId* content = nullptr);

}  // namespace modelaudit
