#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "modelaudit/scan_result.hpp"

namespace modelaudit::engine {

/// A file of a report, as its family needs it.
struct FamilyFile {
  std::filesystem::path path;          ///< on disk; empty: nothing is looked at there
  std::string shown;                   ///< in the report
  const ScanResult* result = nullptr;  ///< nullptr: not in the report, or of no known format, or could not be opened
  bool was_scanned = true;
  bool unrecognised = false;
  bool was_named = false;              ///< by the caller; not found in a folder that was walked
};

/// Judges the families of shards among the files of a report, sorted by path. The folders of files that the caller named
/// are looked into, since the other shards may lie there unnamed; else names and results are all that it rests on, and a
/// stat for each shard. `assume_one` is Options::assume_shard_family, `apply_policy` is asked before verdicts are drawn.
std::vector<ShardFamily> judge_families(const std::vector<FamilyFile>& files, bool assume_one,
                                        const std::function<void(std::vector<Finding>&)>& apply_policy);

/// The files beside `path` that make one model with it, itself among them and their index last; `path` alone when it is
/// no shard.
std::vector<std::filesystem::path> family_of(const std::filesystem::path& path);

/// The files that an index names and that lie beside it, and those of their families that it does not name, as its
/// result tells; none when it is no index.
std::vector<std::filesystem::path> files_of_index(const std::filesystem::path& path, const ScanResult& index);

}  // namespace modelaudit::engine
