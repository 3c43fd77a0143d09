/// @file
/// Files that lie beside another one, reached by the names that the content of a model gives: never out of the folder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit::io {

/// A folder to look into.
Result<Descriptor> open_folder(const std::filesystem::path& path);

/// Does the folder belong to the user of this process, and can nobody else change what lies in it?
bool is_own_folder(const std::filesystem::path& path);

/// The name in its plain form ("./a//b" is "a/b"). Nothing for one that is empty, absolute, holds `..`, a backslash or a
/// NUL, or is longer than the system takes: it leads nowhere that a scanner may look.
std::optional<std::string> plain_relative(std::string_view name);

/// Opens the regular file that a name in its plain form leads to. No folder on the way may be a link. The file may be a
/// link that stays below its folder, or that leads from `snapshots/<revision>/` to `blobs/` of the same repository in
/// the cache layout of the Hugging Face hub. A Failure: not_found (nothing there), refused (no regular file, a link that
/// leads elsewhere), io_error (the system would not say).
Result<Descriptor> open_beside(const Descriptor& folder, const std::string& relative);

/// Identity of what open_beside() would open; `path` is left empty. One system call where no link is met.
Result<FileIdentity> identity_beside(const Descriptor& folder, const std::string& relative);

/// The names in `subfolder` (plain form; empty: the folder itself) that match, sorted; none where there is no such
/// folder. A Failure: limit (more than `most` names match, or far more lie there), io_error.
Result<std::vector<std::string>> names_beside(const Descriptor& folder, const std::string& subfolder,
                                              std::string_view pattern, std::size_t most);

/// Does a file name match a pattern of literal characters, `*` (any run) and `?` (any one byte)?
bool matches_pattern(std::string_view pattern, std::string_view name) noexcept;

}  // namespace modelaudit::io
