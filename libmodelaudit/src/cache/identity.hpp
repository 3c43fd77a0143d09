#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/file.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::cache {

/// The path made absolute without touching links: its text is part of a key, so that one spelling keeps one entry.
std::filesystem::path absolute_path(const std::filesystem::path& path);

/// Identity of the regular file that a path leads to, links followed. One stat.
Result<FileIdentity> identity_at(const std::filesystem::path& absolute);

/// Equality of everything that the operating system says about the file; the path and the link count do not count.
bool same_file_state(const FileIdentity& a, const FileIdentity& b) noexcept;

/// Could the file be written at or after `since_ns` without its times showing it ("racily clean")? True when its ctime
/// is not clearly older, by the granularity that the stamp itself shows. The mtime may say what it likes: whoever sets
/// it moves the ctime.
bool is_racy(const FileIdentity& identity, std::int64_t since_ns) noexcept;

/// Would the times of this open file show every change from now on? False when its file system is not known to keep
/// change times (network, FAT, FUSE), and when somebody has it open for writing, as far as the system lets us know. A
/// writer that opens the file later changes its times when it begins; one that was there before may go on through a
/// shared mapping and leave them alone.
bool times_show_changes(int fd);

/// Are the companions files whose times show every change since `since_ns`?
bool surroundings_show_changes(const Trace& trace, const std::filesystem::path& folder, std::int64_t since_ns);

/// Do all companions and listings of the trace still look as they did? A stat for each companion.
bool surroundings_unchanged(const Trace& trace, const std::filesystem::path& folder);

}  // namespace modelaudit::cache
