#include "io/beside.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

namespace modelaudit::io {
namespace {

constexpr int k_hops = 8;                       // links to links
constexpr std::size_t k_entries = 4'000'000;    // of a folder that is listed
constexpr int k_folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int k_file_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

Failure failure_of(int error) {
  switch (error) {
    case ENOENT:
    case ENAMETOOLONG: return {Errc::not_found, 0, "no such file"};
    case ENOTDIR:
    case ELOOP: return {Errc::refused, 0, "a link, or a file where a folder was expected"};
    case ENXIO:
    case ENODEV: return {Errc::refused, 0, "not a regular file"};
    default: return {Errc::io_error, 0, "cannot be opened or read"};
  }
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

Result<Descriptor> open_regular_at(int folder, const std::string& name) {
  Descriptor fd(openat(folder, name.c_str(), k_file_flags));
  if (!fd) return failure_of(errno);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return failure_of(errno);
  if (!S_ISREG(info.st_mode)) return Failure{Errc::refused, 0, "not a regular file"};
  return fd;
}

/// Descends through real folders; an empty path opens the folder itself anew.
Result<Descriptor> descend(int folder, std::string_view path) {
  Descriptor at(openat(folder, ".", k_folder_flags));
  if (!at) return failure_of(errno);
  for (const std::string_view part : parts_of(path)) {
    Descriptor next(openat(at.get(), std::string(part).c_str(), k_folder_flags));
    if (!next) return failure_of(errno);
    at = std::move(next);
  }
  return at;
}

std::string link_text(int folder, const std::string& name) {
  std::array<char, PATH_MAX> text;
  const ssize_t length = readlinkat(folder, name.c_str(), text.data(), text.size());
  if (length <= 0 || static_cast<std::size_t>(length) >= text.size()) return {};
  return std::string(text.data(), static_cast<std::size_t>(length));
}

std::string real_path(int folder) { return link_text(AT_FDCWD, "/proc/self/fd/" + std::to_string(folder)); }

/// The absolute path that a link's text means, without a look at the file system.
std::string resolved_by_text(const std::string& folder, const std::string& target) {
  const std::string whole = target.starts_with('/') ? target : folder + "/" + target;
  std::vector<std::string_view> kept;
  for (const std::string_view part : parts_of(whole)) {
    if (part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : kept) out.append("/").append(part);
  return out;
}

/// The hub's cache: <kind>--<owner>--<name>/snapshots/<revision>/… links to <kind>--<owner>--<name>/blobs/<digest>.
Result<Descriptor> open_hub_blob(int folder, const std::string& target) {
  const Failure elsewhere{Errc::refused, 0, "a link that leaves the folder"};
  const std::string here = real_path(folder);
  const std::string blob = resolved_by_text(here, target);
  const std::size_t slash = blob.rfind("/blobs/");
  if (here.empty() || slash == std::string::npos || blob.find('/', slash + 7) != std::string::npos) return elsewhere;
  const std::string root = blob.substr(0, slash);
  const bool is_repository = root.find("--", root.rfind('/') + 1) != std::string::npos;
  if (!is_repository || !here.starts_with(root + "/snapshots/")) return elsewhere;
  // Up through real folders only, so that this is the repository that the text names.
  std::string up;
  for (std::size_t i = parts_of(here.substr(root.size())).size(); i > 0; --i) up += "../";
  const Descriptor repository(openat(folder, up.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!repository || real_path(repository.get()) != root) return elsewhere;
  const auto blobs = descend(repository.get(), "blobs");
  if (!blobs) return blobs.error();
  return open_regular_at(blobs->get(), blob.substr(slash + 7));
}

Result<Descriptor> open_at(int folder, std::string_view relative, int hops) {
  const std::size_t slash = relative.rfind('/');
  if (slash != std::string_view::npos) {
    const auto below = descend(folder, relative.substr(0, slash));
    return below ? open_at(below->get(), relative.substr(slash + 1), hops) : below.error();
  }
  const std::string name(relative);
  auto fd = open_regular_at(folder, name);
  if (fd || fd.error().code != Errc::refused || hops == 0) return fd;
  const std::string target = link_text(folder, name);
  if (target.empty()) return fd;
  const auto below = target.starts_with('/') ? std::nullopt : plain_relative(target);
  return below ? open_at(folder, *below, hops - 1) : open_hub_blob(folder, target);
}

}  // namespace

Result<Descriptor> open_folder(const std::filesystem::path& path) {
  Descriptor fd(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failure_of(errno);
  return fd;
}

bool is_own_folder(const std::filesystem::path& path) {
  struct stat info{};
  if (stat(path.empty() ? "." : path.c_str(), &info) != 0) return false;
  return S_ISDIR(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::optional<std::string> plain_relative(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.size() >= PATH_MAX) return std::nullopt;
  if (name.find('\\') != std::string_view::npos || name.find('\0') != std::string_view::npos) return std::nullopt;
  std::string out;
  for (const std::string_view part : parts_of(name)) {
    if (part == ".") continue;
    if (part == "..") return std::nullopt;
    if (!out.empty()) out += '/';
    out += part;
  }
  if (out.empty() || name.back() == '/') return std::nullopt;
  return out;
}

Result<Descriptor> open_beside(const Descriptor& folder, const std::string& relative) {
  return open_at(folder.get(), relative, k_hops);
}

Result<FileIdentity> identity_beside(const Descriptor& folder, const std::string& relative) {
  struct stat info{};
  const bool plain = relative.find('/') == std::string::npos;
  if (plain && fstatat(folder.get(), relative.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return failure_of(errno);
  if (plain && S_ISREG(info.st_mode)) return identity_from(info);
  const auto fd = open_beside(folder, relative);
  return fd ? identity_of(fd->get()) : fd.error();
}

Result<std::vector<std::string>> names_beside(const Descriptor& folder, const std::string& subfolder,
                                              std::string_view pattern, std::size_t most) {
  auto opened = descend(folder.get(), subfolder);
  if (!opened) {
    if (opened.error().code != Errc::io_error) return std::vector<std::string>{};
    return opened.error();
  }
  const int fd = opened->release();
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
  if (!entries) {
    ::close(fd);
    return failure_of(EIO);
  }
  std::vector<std::string> names;
  std::size_t seen = 0;
  errno = 0;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (++seen > k_entries) return Failure{Errc::limit, 0, "limit: entries of a folder"};
    if (!matches_pattern(pattern, name)) continue;
    if (names.size() == most) return Failure{Errc::limit, 0, "limit: files beside this one"};
    names.emplace_back(name);
  }
  if (errno != 0) return failure_of(EIO);
  std::sort(names.begin(), names.end());
  return names;
}

bool matches_pattern(std::string_view pattern, std::string_view name) noexcept {
  // Greedy with one point to come back to: the last star decides, so time is at most the product of both lengths.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace modelaudit::io
