/// @file
/// --dry-run: what a scan would read, without opening any of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <modelaudit/auditor.hpp>
#include <optional>
#include <string>
#include <vector>

namespace modelaudit::cli {

struct PlannedFile {
  std::string path;
  std::optional<std::uint64_t> size;  ///< bytes; nothing: the server does not say
  bool too_large = false;  ///< above --max-size: would not be scanned
};

struct DryRun {
  std::vector<PlannedFile> files;
  std::vector<TargetError> errors;

  std::string as_text() const;
  std::string as_json() const;
};

/// A plan with room for `size` in it: says whether the limit allows it.
PlannedFile planned(std::string path, std::optional<std::uint64_t> size, const Options& options);

/// Walks the targets as a scan does: folders in sorted order, links to folders not entered.
DryRun plan_scan(const std::vector<std::filesystem::path>& targets, std::vector<TargetError> errors,
                 const Options& options);

}  // namespace modelaudit::cli
