/// @file
/// Where fetched files are kept, by content, so that a file is fetched once. Part of the cache folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "modelaudit/cache.hpp"
#include "modelaudit/export.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit {

/// A private folder (mode 0700) for the work of one process, removed with the object, or by whoever comes next when the
/// process was killed.
class MODELAUDIT_EXPORT WorkFolder {
 public:
  /// @throws Error when it cannot be made.
  explicit WorkFolder(const std::filesystem::path& parent);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Removes the work folders in `parent` that no process holds any more.
  static void remove_abandoned(const std::filesystem::path& parent);

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

/// Files by the SHA-256 of their content. What lies in it is never believed: a file is hashed again before it is used.
/// A file that is in use is moved out, so that no two processes share one.
///
/// Nothing is synced to the disk: a file that a power failure damaged is found out by its digest and fetched again.
///
/// @par Threads  every call may come from any thread; several processes may share one folder.
class MODELAUDIT_EXPORT DownloadStore {
 public:
  /// The store in the cache folder `cache_dir`, made when there is none (CacheAccess::scan).
  /// @throws Error as get_cache_manager() does.
  static std::shared_ptr<DownloadStore> open(const std::filesystem::path& cache_dir,
                                             CacheAccess access = CacheAccess::scan);

  /// Moves the file with that content to `to`, which must lie on the same file system. False when there is none; one
  /// whose bytes are not what they were is removed.
  /// @par Cost  hashes the file once.
  bool take(const ContentId& content, const std::filesystem::path& to);
  /// Moves a file in, as the most recently used one. `content` is the caller's word. False when the system refuses; then
  /// the file stays where it is.
  bool keep(const ContentId& content, const std::filesystem::path& file);

  /// Below which everything lies, work folders too; empty when there is no store to inspect.
  const std::filesystem::path& directory() const noexcept { return directory_; }
  BackendStats stats() const;
  /// Removes files that were not used for `max_age`; with seconds::min() every one. `dry_run` only counts them.
  CacheRemoval cleanup(std::chrono::seconds max_age, bool dry_run = false);
  /// Removes the least recently used files until `max_bytes` are left.
  CacheRemoval shrink(std::uint64_t max_bytes);

 private:
  explicit DownloadStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::filesystem::path directory_;
};

}  // namespace modelaudit
