#include "cache/folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "cache/locations.hpp"
#include "cache/posix.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::cache {
namespace {

constexpr const char* k_tag_file = "modelaudit-cache";
constexpr std::string_view k_tag = "modelaudit result cache, layout 1\n";
constexpr const char* k_cachedir_file = "CACHEDIR.TAG";
// The first line is prescribed by the Cache Directory Tagging Specification.
constexpr std::string_view k_cachedir =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder holds scan results of modelaudit; it may be removed at any time.\n";

/// Does the folder hold only names that the cache uses itself? True for an empty one, and for one whose tag another
/// process is about to write.
bool holds_nothing_foreign(int folder) {
  constexpr std::array<std::string_view, 8> ours{".", "..", k_cachedir_file, k_tag_file, k_entries_folder,
                                                 k_downloads_folder, k_totals_file, k_lock_file};
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fdopendir(copy), closedir);
  if (!listing) {
    close(copy);
    return false;
  }
  while (const dirent* entry = readdir(listing.get())) {
    if (std::find(ours.begin(), ours.end(), std::string_view(entry->d_name)) == ours.end()) return false;
  }
  return true;
}

bool has_tag(int folder) {
  const auto bytes = read_small_file(folder, k_tag_file, 256);
  return bytes && ByteView(std::span(*bytes)).text() == k_tag;
}

/// Every process writes the same bytes, so it does not matter how many do at once.
bool write_tag(int folder, const char* name, std::string_view text) {
  const io::Descriptor fd(openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  return fd && write_all(fd.get(), as_view(text).span()).has_value();
}

Result<void> check_private(int folder) {
  struct stat info{};
  if (fstat(folder, &info) != 0) return Failure{Errc::io_error, 0, "cannot be asked for its owner"};
  if (info.st_uid != geteuid()) return Failure{Errc::refused, 0, "belongs to another user"};
  if ((info.st_mode & 0022) != 0) return Failure{Errc::refused, 0, "others can write to it (chmod 700 helps)"};
  return {};
}

/// "dir/" names the folder, "dir" perhaps a link to it: the second is what has to be opened.
std::filesystem::path without_trailing_slash(std::filesystem::path path) {
  while (!path.has_filename() && path.has_parent_path() && path.parent_path() != path) path = path.parent_path();
  return path;
}

}  // namespace

Result<io::Descriptor> open_cache_folder(const std::filesystem::path& given, bool create) {
  const std::filesystem::path path = without_trailing_slash(given);
  if (create) {
    if (auto made = make_private_folders(path); !made) return made.error();
  }
  io::Descriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) {
    switch (errno) {
      case ENOENT: return Failure{Errc::absent, 0, "does not exist"};
      case ELOOP: return Failure{Errc::refused, 0, "is a symbolic link"};
      case ENOTDIR: return Failure{Errc::refused, 0, "is a symbolic link or not a folder"};
      default: return Failure{Errc::io_error, 0, "cannot be opened"};
    }
  }
  if (auto checked = check_private(folder.get()); !checked) return checked.error();
  if (has_tag(folder.get())) return folder;
  if (!holds_nothing_foreign(folder.get())) {
    return Failure{Errc::refused, 0, "holds files that are not the cache's; name an empty folder"};
  }
  if (!create) return Failure{Errc::absent, 0, "is empty"};
  if (!write_tag(folder.get(), k_cachedir_file, k_cachedir) || !write_tag(folder.get(), k_tag_file, k_tag)) {
    return Failure{Errc::io_error, 0, "cannot be written to"};
  }
  return folder;
}

}  // namespace modelaudit::cache
