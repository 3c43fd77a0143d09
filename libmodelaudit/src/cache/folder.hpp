#pragma once

#include <filesystem>

#include "io/file.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit::cache {

// What the cache's folder holds; nothing else is ever read, written or removed there:
//
//   CACHEDIR.TAG       so that backup programs pass it over (bford.info/cachedir)
//   modelaudit-cache   our own tag: the folder was made for this
//   entries-1/ab/...   records, named by the 62 other hexadecimal digits of their key; ".new-..." while being written
//   downloads-1/ab/... fetched files by the SHA-256 of their content (modelaudit/downloads.hpp)
//   totals             counts for ever, see totals.hpp
//   lock               held by the one process that removes entries for their size

constexpr const char* k_entries_folder = "entries-1";
constexpr const char* k_downloads_folder = "downloads-1";
constexpr const char* k_totals_file = "totals";
constexpr const char* k_lock_file = "lock";

/// Opens a folder that is ours alone: no symbolic link, owned by this user, not writable by others, and either with our
/// tag or empty (then the tag is put in). With `create`, makes it first. Everything later goes through the descriptor,
/// so that a folder put in its place changes nothing. A Failure `absent` when there is none.
Result<io::Descriptor> open_cache_folder(const std::filesystem::path& path, bool create);

}  // namespace modelaudit::cache
