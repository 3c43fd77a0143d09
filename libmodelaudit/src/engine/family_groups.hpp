#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/families.hpp"
#include "engine/shard_names.hpp"

namespace modelaudit::engine {

/// One shard of a group.
struct Shard {
  ShardName name;
  std::string file_name;
  FamilyFile file;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  ///< 0: could not be asked
  std::uint64_t size = 0;   ///< bytes
};

/// What the shards of one family have in common.
struct GroupKey {
  std::string folder;  ///< as shown, with its slash; empty for the working folder
  const ShardPattern* pattern = nullptr;
  std::string prefix;
  std::optional<std::uint64_t> total;

  auto operator<=>(const GroupKey&) const = default;
};

/// Shards that belong together by their names, in the order of their numbers.
struct Group {
  std::vector<Shard> shards;
  std::string index;                ///< name of the index that lies beside them; empty: none
  const ScanResult* index_result = nullptr;
  std::vector<std::string> doubts;  ///< why they were not taken for one family with others
};

/// Sorts files into groups by their names, and looks for what lies beside those that the caller named.
std::map<GroupKey, Group> group_shards(const std::vector<FamilyFile>& files, bool assume_one);

/// The folder part of a path as text, with its slash.
std::string folder_of(const std::string& shown);

}  // namespace modelaudit::engine
