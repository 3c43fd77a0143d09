#include "cache/posix.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "cache/hex.hpp"

namespace modelaudit::cache {

Result<std::vector<std::byte>> read_small_file(int folder, const std::string& name, std::uint64_t max_size,
                                               io::Descriptor* keep_open) {
  io::Descriptor fd(openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return Failure{Errc::absent, 0, "no such file"};
    if (errno == ELOOP) return Failure{Errc::refused, 0, "is a symbolic link"};
    return Failure{Errc::io_error, 0, "cannot be opened"};
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return Failure{Errc::io_error, 0, "cannot be asked for its size"};
  if (!S_ISREG(info.st_mode)) return Failure{Errc::refused, 0, "not a regular file"};
  if (static_cast<std::uint64_t>(info.st_size) > max_size) return Failure{Errc::malformed, 0, "larger than it can be"};
  std::vector<std::byte> bytes(static_cast<std::size_t>(info.st_size));
  std::span<std::byte> rest(bytes);
  while (!rest.empty()) {
    const ssize_t got = read(fd.get(), rest.data(), rest.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure{Errc::io_error, 0, "cannot be read"};
    if (got == 0) break;
    rest = rest.subspan(static_cast<std::size_t>(got));
  }
  bytes.resize(bytes.size() - rest.size());
  if (keep_open != nullptr) *keep_open = std::move(fd);
  return bytes;
}

Result<void> write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return Failure{Errc::io_error, 0, "cannot be written"};
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> close_checked(io::Descriptor fd) {
  if (close(fd.release()) != 0) return Failure{Errc::io_error, 0, "cannot be written"};
  return {};
}

Result<void> random_bytes(std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t got = getrandom(into.data(), into.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Failure{Errc::io_error, 0, "the system has no random numbers"};
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

std::string temporary_name(const char* prefix) {
  std::array<std::byte, 8> salt{};
  (void)random_bytes(salt).has_value();  // O_EXCL finds out when two names are the same
  return prefix + std::to_string(getpid()) + "-" + to_hex(ByteView(salt));
}

std::int64_t file_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace modelaudit::cache
