#include "cache/file_backend.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include "cache/envelope.hpp"
#include "cache/folder.hpp"
#include "cache/hex.hpp"
#include "cache/posix.hpp"

namespace modelaudit::cache {
namespace {

constexpr const char* k_temporary = ".new-";
// A record's mtime says when it was last used. It is renewed at most so often, so that hits stay reads.
constexpr std::int64_t k_renew_after_s = 3600;
constexpr std::int64_t k_ns_per_s = 1'000'000'000;

struct Place {
  std::string shard;  ///< "entries-1/ab"
  std::string path;   ///< "entries-1/ab/cd..."
};

Place place_of(const Digest& key) {
  const std::string hex = to_hex(key);
  const std::string shard = std::string(k_entries_folder) + "/" + hex.substr(0, 2);
  return {shard, shard + "/" + hex.substr(2)};
}

using Listing = std::unique_ptr<DIR, int (*)(DIR*)>;

Listing list(int parent, const char* name) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* listing = fd < 0 ? nullptr : fdopendir(fd);
  if (fd >= 0 && listing == nullptr) close(fd);
  return {listing, closedir};
}

std::int64_t seconds_of(const struct stat& info) { return std::int64_t{info.st_mtim.tv_sec}; }

}  // namespace

/// A file below the entries' folder whose name is of the cache's making.
struct FileBackend::Entry {
  int shard;             ///< descriptor
  const char* name;      ///< inside the shard
  std::optional<Digest> key;  ///< nothing: a temporary file
  std::uint64_t bytes;
  std::int64_t modified_s;
};

Result<std::shared_ptr<FileBackend>> FileBackend::open(const std::filesystem::path& folder, bool create) {
  auto opened = open_cache_folder(folder, create);
  if (!opened && (create || opened.error().code != Errc::absent)) return opened.error();
  return std::shared_ptr<FileBackend>(new FileBackend(opened ? std::move(*opened) : io::Descriptor()));
}

Result<std::optional<std::vector<std::byte>>> FileBackend::get(const Digest& key) {
  if (!folder_) return std::optional<std::vector<std::byte>>{};
  io::Descriptor fd;
  auto record = read_small_file(folder_.get(), place_of(key).path, k_max_record_size, &fd);
  if (!record && record.error().code == Errc::absent) return std::optional<std::vector<std::byte>>{};
  if (!record) return record.error();
  struct stat info{};
  if (fstat(fd.get(), &info) == 0 && file_clock_ns() / k_ns_per_s - seconds_of(info) > k_renew_after_s) {
    (void)futimens(fd.get(), nullptr);  // a read-only folder: entries just look older than they are
  }
  return std::optional(std::move(*record));
}

Result<void> FileBackend::put(const Digest& key, std::span<const std::byte> record) {
  if (!folder_) return Failure{Errc::refused, 0, "cache: opened for inspection only"};
  const Place place = place_of(key);
  const std::string temporary = place.shard + "/" + temporary_name(k_temporary);
  const auto create = [&] {
    return io::Descriptor(openat(folder_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  };
  io::Descriptor fd = create();
  if (!fd && errno == ENOENT) {
    (void)mkdirat(folder_.get(), k_entries_folder, 0700);
    (void)mkdirat(folder_.get(), place.shard.c_str(), 0700);
    fd = create();
  }
  if (!fd) return Failure{Errc::io_error, 0, "cache: a record cannot be made"};
  bool written = write_all(fd.get(), record).has_value();
  written = close_checked(std::move(fd)).has_value() && written;
  if (written && renameat(folder_.get(), temporary.c_str(), folder_.get(), place.path.c_str()) == 0) return {};
  (void)unlinkat(folder_.get(), temporary.c_str(), 0);
  return Failure{Errc::io_error, 0, "cache: a record cannot be written"};
}

Result<void> FileBackend::erase(const Digest& key) {
  if (!folder_ || unlinkat(folder_.get(), place_of(key).path.c_str(), 0) == 0 || errno == ENOENT) return {};
  return Failure{Errc::io_error, 0, "cache: a record cannot be removed"};
}

Result<void> FileBackend::walk(const std::function<bool(const Entry&)>& visit) const {
  if (!folder_) return {};
  const Listing shards = list(folder_.get(), k_entries_folder);
  if (!shards) return errno == ENOENT ? Result<void>() : Failure{Errc::io_error, 0, "cache: the folder cannot be listed"};
  while (const dirent* shard = readdir(shards.get())) {
    const std::string_view prefix(shard->d_name);
    if (prefix.size() != 2) continue;
    const Listing files = list(dirfd(shards.get()), shard->d_name);
    if (!files) continue;
    while (const dirent* file = readdir(files.get())) {
      const std::string_view name(file->d_name);
      const auto key = digest_from_hex(std::string(prefix) + std::string(name));
      if (!key && !name.starts_with(k_temporary)) continue;
      struct stat info{};
      if (fstatat(dirfd(files.get()), file->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) continue;
      const Entry entry{dirfd(files.get()), file->d_name, key, static_cast<std::uint64_t>(info.st_size), seconds_of(info)};
      if (!visit(entry)) return {};
    }
  }
  return {};
}

Result<void> FileBackend::for_each(const std::function<bool(const CacheEntryInfo&)>& visit) {
  return walk([&](const Entry& e) { return !e.key || visit({*e.key, e.bytes, e.modified_s}); });
}

Result<BackendStats> FileBackend::stats() {
  BackendStats total;
  const auto walked = for_each([&](const CacheEntryInfo& entry) {
    ++total.entries;
    total.bytes += entry.bytes;
    return true;
  });
  if (!walked) return walked.error();
  return total;
}

void FileBackend::remove_leftovers(std::int64_t min_age_s) {
  const std::int64_t before = file_clock_ns() / k_ns_per_s - min_age_s;
  (void)walk([&](const Entry& entry) {
    if (!entry.key && entry.modified_s <= before) (void)unlinkat(entry.shard, entry.name, 0);
    return true;
  }).has_value();
}

std::int64_t FileBackend::shrink(std::uint64_t max_bytes, std::int64_t estimate) {
  const io::Descriptor lock(openat(folder_.get(), k_lock_file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock || flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return 0;
  remove_leftovers(k_renew_after_s);
  std::vector<CacheEntryInfo> entries;
  std::uint64_t bytes = 0;
  const auto walked = for_each([&](const CacheEntryInfo& entry) {
    entries.push_back(entry);
    bytes += entry.bytes;
    return true;
  });
  if (!walked) return 0;
  std::sort(entries.begin(), entries.end(),
            [](const CacheEntryInfo& a, const CacheEntryInfo& b) { return a.last_used_s < b.last_used_s; });
  for (const CacheEntryInfo& entry : entries) {
    if (bytes <= max_bytes) break;
    if (erase(entry.key)) bytes -= entry.bytes;
  }
  compact_totals(folder_.get());
  return estimate - static_cast<std::int64_t>(bytes);
}

}  // namespace modelaudit::cache
