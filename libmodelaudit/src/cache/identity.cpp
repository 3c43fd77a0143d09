#include "cache/identity.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "io/beside.hpp"
#include "io/file.hpp"

namespace modelaudit::cache {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t k_ns_per_ms = 1'000'000;
constexpr std::int64_t k_ns_per_s = 1'000'000'000;

/// A read lease is granted only while nobody has the file open for writing (fcntl(2), F_SETLEASE). Where it cannot be
/// asked for (not our file, no support), we do not know and say no.
bool is_open_for_writing(int fd) {
  // Should a writer come in the moment that we hold the lease, the kernel sends a signal; the default one, SIGIO, would
  // end the process, SIGURG is ignored by default.
  if (fcntl(fd, F_SETSIG, SIGURG) != 0) return false;
  if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
  }
  return errno == EAGAIN;
}

/// The tick in which the kernel stamps changes: 1 to 10 ms.
std::int64_t kernel_tick_ns() {
  timespec tick{};
  if (clock_getres(CLOCK_REALTIME_COARSE, &tick) != 0) return 10 * k_ns_per_ms;
  return std::int64_t{tick.tv_sec} * k_ns_per_s + tick.tv_nsec;
}

/// The unit in which a file system counts, judged by one of its stamps; never finer than the kernel's tick.
std::int64_t granularity_ns(std::int64_t stamp_ns) {
  if (stamp_ns % k_ns_per_s == 0) return 2 * k_ns_per_s;
  if (stamp_ns % k_ns_per_ms == 0) return 20 * k_ns_per_ms;
  return kernel_tick_ns();
}

Result<FileIdentity> identity_of(const fs::path& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? Failure{Errc::not_found, 0, "no such file"}
                                               : Failure{Errc::io_error, 0, "cannot be asked for its identity"};
  }
  if (!S_ISREG(info.st_mode)) return Failure{Errc::unsupported, 0, "not a regular file"};
  FileIdentity identity = io::identity_from(info);
  identity.path = path.string();
  return identity;
}

/// Would a scanner that asks for it again get the same answer? To it, what is no file beside the model is not there.
bool same_companion(const Companion& companion, const io::Descriptor& folder) {
  const auto now = io::identity_beside(folder, companion.relative_path);
  if (!now) return !companion.existed && now.error().code != Errc::io_error;
  return companion.existed && same_file_state(*now, companion.identity);
}

bool same_listing(const Listing& listing, const io::Descriptor& folder) {
  const auto now = io::names_beside(folder, listing.relative_path, listing.pattern, listing.names.size());
  return now && *now == listing.names;
}

}  // namespace

fs::path absolute_path(const fs::path& path) {
  std::error_code unknown_working_folder;
  fs::path whole = fs::absolute(path, unknown_working_folder);
  if (unknown_working_folder) whole = path;
  fs::path clean;
  for (const fs::path& part : whole) {
    if (part != ".") clean /= part;  // ".." stays: behind a link it is not what it looks like
  }
  return clean;
}

Result<FileIdentity> identity_at(const fs::path& absolute) { return identity_of(absolute); }

bool same_file_state(const FileIdentity& a, const FileIdentity& b) noexcept {
  return a.device == b.device && a.inode == b.inode && a.size == b.size && a.mtime_ns == b.mtime_ns &&
         a.ctime_ns == b.ctime_ns;
}

bool is_racy(const FileIdentity& identity, std::int64_t since_ns) noexcept {
  // Twice the unit: stamps and `since_ns` are both rounded down to it.
  return identity.ctime_ns >= since_ns - 2 * granularity_ns(identity.ctime_ns);
}

bool times_show_changes(int fd) { return io::keeps_change_times(fd) && !is_open_for_writing(fd); }

bool surroundings_show_changes(const Trace& trace, const fs::path& folder, std::int64_t since_ns) {
  if (trace.companions.empty()) return true;
  const auto opened = io::open_folder(folder);
  return opened && std::all_of(trace.companions.begin(), trace.companions.end(), [&](const Companion& companion) {
    if (!companion.existed) return true;
    const auto fd = io::open_beside(*opened, companion.relative_path);
    return fd && !is_racy(companion.identity, since_ns) && times_show_changes(fd->get());
  });
}

bool surroundings_unchanged(const Trace& trace, const fs::path& folder) {
  if (trace.companions.empty() && trace.listings.empty()) return true;
  const auto opened = io::open_folder(folder);
  if (!opened) return false;
  return std::all_of(trace.companions.begin(), trace.companions.end(),
                     [&](const Companion& c) { return same_companion(c, *opened); }) &&
         std::all_of(trace.listings.begin(), trace.listings.end(),
                     [&](const Listing& l) { return same_listing(l, *opened); });
}

}  // namespace modelaudit::cache
