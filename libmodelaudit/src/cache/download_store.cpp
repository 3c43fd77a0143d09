#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cache/folder.hpp"
#include "cache/hex.hpp"
#include "cache/posix.hpp"
#include "io/sha256.hpp"
#include "modelaudit/downloads.hpp"

namespace modelaudit {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t k_ns_per_s = 1'000'000'000;

fs::path place_of(const fs::path& directory, const ContentId& content) {
  const std::string hex = cache::to_hex(content.sha256);
  return directory / hex.substr(0, 2) / hex.substr(2);
}

std::optional<ContentId> content_of(const fs::path& path) {
  const auto fd = io::open_regular(path);
  if (!fd) return std::nullopt;
  io::Sha256 hash;
  ContentId content;
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  for (;;) {
    const ssize_t got = read(fd->get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    hash.update(std::span(buffer.data(), static_cast<std::size_t>(got)));
    content.size += static_cast<std::uint64_t>(got);
  }
  content.sha256 = hash.finish();
  return content;
}

struct Stored {
  fs::path path;
  std::uint64_t bytes = 0;
  std::int64_t last_used_s = 0;
};

/// Files whose names are of the store's making; all others are left alone.
std::vector<Stored> stored_in(const fs::path& directory) {
  std::vector<Stored> files;
  std::error_code error;
  if (directory.empty()) return files;
  for (fs::directory_iterator shard(directory, error), end; !error && shard != end; shard.increment(error)) {
    const std::string prefix = shard->path().filename().string();
    std::error_code inner;
    if (prefix.size() != 2 || shard->is_symlink(inner)) continue;
    for (fs::directory_iterator file(shard->path(), inner); !inner && file != end; file.increment(inner)) {
      struct stat info{};
      if (!cache::digest_from_hex(prefix + file->path().filename().string())) continue;
      if (lstat(file->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
      files.push_back({file->path(), static_cast<std::uint64_t>(info.st_size), std::int64_t{info.st_mtim.tv_sec}});
    }
  }
  return files;
}

void remove(const Stored& file, bool dry_run, CacheRemoval& removed) {
  std::error_code error;
  if (!dry_run && !fs::remove(file.path, error)) return;
  ++removed.entries;
  removed.bytes += file.bytes;
}

}  // namespace

std::shared_ptr<DownloadStore> DownloadStore::open(const fs::path& cache_dir, CacheAccess access) {
  const bool create = access == CacheAccess::scan;
  const auto folder = cache::open_cache_folder(cache_dir, create);
  if (!folder && !create && folder.error().code == Errc::absent) return std::shared_ptr<DownloadStore>(new DownloadStore({}));
  if (!folder) throw Error("the cache folder " + cache_dir.string() + " cannot be used: " + folder.error().what);
  if (create) (void)mkdirat(folder->get(), cache::k_downloads_folder, 0700);
  struct stat info{};
  const int found = fstatat(folder->get(), cache::k_downloads_folder, &info, AT_SYMLINK_NOFOLLOW);
  if (found != 0 && !create) return std::shared_ptr<DownloadStore>(new DownloadStore({}));
  const fs::path directory = cache_dir / cache::k_downloads_folder;
  if (found != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 0022) != 0) {
    throw Error("the folder for downloads " + directory.string() + " cannot be used: it is no private folder of this user");
  }
  WorkFolder::remove_abandoned(directory);
  return std::shared_ptr<DownloadStore>(new DownloadStore(directory));
}

bool DownloadStore::take(const ContentId& content, const fs::path& to) {
  const fs::path from = place_of(directory_, content);
  struct stat info{};
  if (lstat(from.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  // Out of everybody's reach first, then looked at.
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) return false;
  if (info.st_nlink == 1 && content_of(to) == content) return true;
  std::error_code ignored;
  fs::remove(to, ignored);
  return false;
}

bool DownloadStore::keep(const ContentId& content, const fs::path& file) {
  const fs::path to = place_of(directory_, content);
  (void)mkdir(to.parent_path().c_str(), 0700);
  (void)utimensat(AT_FDCWD, file.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  return rename(file.c_str(), to.c_str()) == 0;
}

BackendStats DownloadStore::stats() const {
  BackendStats total;
  for (const Stored& file : stored_in(directory_)) {
    ++total.entries;
    total.bytes += file.bytes;
  }
  return total;
}

CacheRemoval DownloadStore::cleanup(std::chrono::seconds max_age, bool dry_run) {
  const std::int64_t now = cache::file_clock_ns() / k_ns_per_s;
  const bool all = max_age <= std::chrono::seconds{0};
  CacheRemoval removed;
  for (const Stored& file : stored_in(directory_)) {
    if (all || file.last_used_s <= now - max_age.count()) remove(file, dry_run, removed);
  }
  return removed;
}

CacheRemoval DownloadStore::shrink(std::uint64_t max_bytes) {
  std::vector<Stored> files = stored_in(directory_);
  std::sort(files.begin(), files.end(), [](const Stored& a, const Stored& b) { return a.last_used_s < b.last_used_s; });
  std::uint64_t bytes = 0;
  for (const Stored& file : files) bytes += file.bytes;
  CacheRemoval removed;
  for (const Stored& file : files) {
    if (bytes - removed.bytes <= max_bytes) break;
    remove(file, false, removed);
  }
  return removed;
}

}  // namespace modelaudit
