#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cache/locations.hpp"
#include "cache/posix.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit {
namespace {

namespace fs = std::filesystem;
using cache::write_all;

/// Only the key's owner may read it; root's eyes cannot be helped.
Result<Digest> read_key(const fs::path& file) {
  io::Descriptor fd;
  const auto bytes = cache::read_small_file(AT_FDCWD, file.string(), 4096, &fd);
  if (!bytes) return bytes.error();
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return Failure{Errc::io_error, 0, "cannot be asked for its owner"};
  if (info.st_uid != geteuid()) return Failure{Errc::refused, 0, "belongs to another user"};
  if ((info.st_mode & 0077) != 0) return Failure{Errc::refused, 0, "is open to other users (chmod 600 helps)"};
  Digest key;
  if (bytes->size() != key.size()) return Failure{Errc::malformed, 0, "is not 32 bytes long"};
  std::transform(bytes->begin(), bytes->end(), key.begin(), [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  return key;
}

/// Writes a new key to a temporary file and links it to its name: whoever comes first wins, all others read theirs.
/// In the standard place, a damaged key (a crash while it was made) is replaced.
Result<void> make_key(const fs::path& file, bool replace) {
  Digest key;
  if (auto drawn = cache::random_bytes(std::as_writable_bytes(std::span(key))); !drawn) return drawn;
  if (auto made = cache::make_private_folders(file.parent_path()); !made) return made;
  const fs::path temporary = file.parent_path() / cache::temporary_name(".cache.key-");
  io::Descriptor fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Failure{Errc::io_error, 0, "cannot be made"};
  bool written = write_all(fd.get(), std::as_bytes(std::span(key))).has_value() && fsync(fd.get()) == 0;
  written = cache::close_checked(std::move(fd)).has_value() && written;
  if (written && replace) written = rename(temporary.c_str(), file.c_str()) == 0;
  if (written && !replace) written = link(temporary.c_str(), file.c_str()) == 0 || errno == EEXIST;
  unlink(temporary.c_str());
  if (!written) return Failure{Errc::io_error, 0, "cannot be written"};
  return {};
}

[[noreturn]] void refuse(const fs::path& file, const char* why) {
  throw Error("the key of the result cache, " + file.string() + ": " + why);
}

fs::path or_standard(const fs::path& file) {
  if (!file.empty()) return file;
  const auto standard = cache::default_key_file();
  if (!standard) throw Error(std::string("the key of the result cache has no place: ") + standard.error().what);
  return *standard;
}

}  // namespace

CacheSecret CacheSecret::random() {
  CacheSecret secret;
  const auto drawn = cache::random_bytes(std::as_writable_bytes(std::span(secret.bytes)));
  if (!drawn) throw Error(drawn.error().what);
  return secret;
}

CacheSecret CacheSecret::from_file(const fs::path& file) {
  const fs::path where = or_standard(file);
  auto key = read_key(where);
  // What stands in a file that the caller named may be anything, somebody's private key for one: never written over.
  const bool damaged = !key && key.error().code == Errc::malformed && file.empty();
  if (!key && (key.error().code == Errc::absent || damaged)) {
    const auto made = make_key(where, damaged);
    if (!made) refuse(where, made.error().what);
    key = read_key(where);
  }
  if (!key) refuse(where, key.error().what);
  return CacheSecret{*key};
}

CacheSecret CacheSecret::from_existing_file(const fs::path& file) {
  const fs::path where = or_standard(file);
  const auto key = read_key(where);
  if (!key) refuse(where, key.error().what);
  return CacheSecret{*key};
}

}  // namespace modelaudit
