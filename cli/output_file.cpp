#include "output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "command.hpp"

namespace modelaudit::cli {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw UsageError("cannot write the report to " + path.string() + ": " + why);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// All of `text`; false with errno when the system refuses.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

OutputFile::OutputFile(fs::path path) : path_(std::move(path)) {
  const fs::path folder = folder_of(path_);
  std::error_code error;
  if (!path_.has_filename()) refuse(path_, "that is a folder; name a file in it");
  if (!fs::is_directory(folder, error)) refuse(path_, "there is no folder " + folder.string() + "; create it first");
  const fs::file_status status = fs::symlink_status(path_, error);
  if (status.type() == fs::file_type::symlink) refuse(path_, "it is a symbolic link; name the file itself");
  if (status.type() == fs::file_type::directory) refuse(path_, "it is a folder; name a file in it");
  if (fs::exists(status) && status.type() != fs::file_type::regular) refuse(path_, "it is not a regular file");
  if (fs::exists(status) && ::access(path_.c_str(), W_OK) != 0) refuse(path_, std::strerror(errno));
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    refuse(path_, "the folder " + folder.string() + ": " + std::strerror(errno));
  }
}

void OutputFile::write(std::string_view text) const {
  std::string temporary = (folder_of(path_) / ".modelaudit-report-XXXXXX").string();
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) refuse(path_, std::strerror(errno));
  // mkostemp() makes a private file; the report gets the mode that any new file of this user has.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  bool written = write_all(fd, text) && ::fchmod(fd, 0666 & ~mask) == 0;
  int reason = errno;
  if (::close(fd) != 0 && written) {
    written = false;
    reason = errno;
  }
  if (written && std::rename(temporary.c_str(), path_.c_str()) == 0) return;
  if (written) reason = errno;
  ::unlink(temporary.c_str());
  refuse(path_, std::strerror(reason));
}

}  // namespace modelaudit::cli
