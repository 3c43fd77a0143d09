/// @file
/// The words of a command line as paths.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace modelaudit::cli {

/// What a word stands for: itself, or when it has `*`, `?` or `[` and no such file exists, the sorted paths that match.
/// `**` stands for any number of folders. Hidden names need their dot written. Links to folders are not entered by
/// `**`.
std::vector<std::filesystem::path> expand(const std::string& word);

/// "10GB", "1.5TB", "500 mb", "4096": bytes, 1 KB being 1,024. @throws UsageError for anything else, and for 0.
std::uint64_t parse_size(std::string_view word);

}  // namespace modelaudit::cli
