#pragma once

#include <filesystem>
#include <memory>

#include "cache/totals.hpp"
#include "io/file.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit::cache {

/// Records as files in a private folder (folder.hpp). Any number of threads and processes may use one folder: records
/// are written under a temporary name and renamed, so that a reader sees a whole record or none.
class FileBackend final : public CacheBackend {
 public:
  /// A Failure as open_cache_folder(). Without `create`, a folder that does not exist is an empty cache.
  static Result<std::shared_ptr<FileBackend>> open(const std::filesystem::path& folder, bool create);

  Result<std::optional<std::vector<std::byte>>> get(const Digest& key) override;
  Result<void> put(const Digest& key, std::span<const std::byte> record) override;
  Result<void> erase(const Digest& key) override;
  Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>& visit) override;
  Result<BackendStats> stats() override;

  /// Removes what writers that were killed left behind: temporary files that are older than `min_age_s`.
  void remove_leftovers(std::int64_t min_age_s);
  /// Removes the least recently used records until `max_bytes` are left, unless another process is at it; returns by
  /// how many bytes the folder is smaller than `estimate`.
  std::int64_t shrink(std::uint64_t max_bytes, std::int64_t estimate);
  /// Descriptor of the folder; negative when there is none.
  int folder() const noexcept { return folder_.get(); }

 private:
  explicit FileBackend(io::Descriptor folder) : folder_(std::move(folder)) {}
  struct Entry;
  Result<void> walk(const std::function<bool(const Entry&)>& visit) const;

  io::Descriptor folder_;
};

}  // namespace modelaudit::cache
