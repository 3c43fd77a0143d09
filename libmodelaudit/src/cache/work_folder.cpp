#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cache/posix.hpp"
#include "io/file.hpp"
#include "modelaudit/downloads.hpp"

namespace modelaudit {
namespace {

namespace fs = std::filesystem;

constexpr const char* k_prefix = ".work-";

io::Descriptor open_folder(const fs::path& path) {
  return io::Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// Does the path still lead to the folder that was opened?
bool is_still_there(const fs::path& path, int fd) {
  struct stat named{};
  struct stat opened{};
  return lstat(path.c_str(), &named) == 0 && fstat(fd, &opened) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

}  // namespace

WorkFolder::WorkFolder(const fs::path& parent) {
  // Between mkdir and flock somebody may take the folder for an abandoned one: then there is another try.
  for (int attempt = 0; attempt < 8; ++attempt) {
    path_ = parent / cache::temporary_name(k_prefix);
    if (mkdir(path_.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      break;
    }
    io::Descriptor folder = open_folder(path_);
    if (folder && flock(folder.get(), LOCK_SH) == 0 && is_still_there(path_, folder.get())) {
      lock_ = folder.release();
      return;
    }
  }
  throw Error("no folder can be made in " + parent.string() + " for what is fetched; is it writable, and the disk not full?");
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::close(lock_);
}

void WorkFolder::remove_abandoned(const fs::path& parent) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(k_prefix)) continue;
    const io::Descriptor folder = open_folder(it->path());
    if (!folder || flock(folder.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::error_code ignored;
    fs::remove_all(it->path(), ignored);
  }
}

}  // namespace modelaudit
