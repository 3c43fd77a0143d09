#include "cache/locations.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

namespace modelaudit::cache {
namespace {

namespace fs = std::filesystem;

/// A variable's value as a path; the XDG base directory specification has relative ones ignored.
fs::path absolute_from_environment(const char* name) {
  const char* value = std::getenv(name);
  const fs::path path = value == nullptr ? "" : value;
  return path.is_absolute() ? path : fs::path();
}

fs::path home() {
  if (auto path = absolute_from_environment("HOME"); !path.empty()) return path;
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  const fs::path path = found->pw_dir == nullptr ? "" : found->pw_dir;
  return path.is_absolute() ? path : fs::path();
}

/// Refuses what would end up in another user's tree: the nearest folder that exists must be ours or root's.
Result<fs::path> if_ours(fs::path path) {
  struct stat info{};
  fs::path existing = path;
  while (stat(existing.c_str(), &info) != 0 && existing.has_relative_path()) existing = existing.parent_path();
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return Failure{Errc::refused, 0, "its place belongs to another user"};
  }
  return path;
}

Result<fs::path> under(const char* variable, const char* in_home, const char* name) {
  fs::path base = absolute_from_environment(variable);
  if (base.empty()) {
    base = home();
    if (base.empty()) return Failure{Errc::not_found, 0, "there is no home folder"};
    base /= in_home;
  }
  return if_ours(base / "modelaudit" / name);
}

}  // namespace

Result<fs::path> default_cache_dir() {
  if (const char* own = std::getenv("MODELAUDIT_CACHE_DIR"); own != nullptr && *own != '\0') return fs::path(own);
  return under("XDG_CACHE_HOME", ".cache", "");
}

Result<fs::path> default_key_file() { return under("XDG_STATE_HOME", ".local/state", "cache.key"); }

Result<void> make_private_folders(const fs::path& folder) {
  if (folder.empty() || mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno == ENOENT && folder.has_parent_path() && folder.parent_path() != folder) {
    if (auto above = make_private_folders(folder.parent_path()); !above) return above;
    if (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  }
  return Failure{Errc::io_error, 0, "the folder cannot be made"};
}

}  // namespace modelaudit::cache
