/// @file
/// A report that goes to a file.
#pragma once

#include <filesystem>
#include <string_view>

namespace modelaudit::cli {

/// A file that appears whole or not at all. Symbolic links are not followed.
class OutputFile {
 public:
  /// Checks that the file can be written, before any work is done.
  /// @throws UsageError for a symbolic link, a folder or special file, a missing or unwritable parent.
  explicit OutputFile(std::filesystem::path path);

  /// Writes beside the target and renames over it. @throws UsageError when the system refuses.
  void write(std::string_view text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace modelaudit::cli
