#include "engine/family_groups.hpp"

#include <algorithm>
#include <set>

#include "io/beside.hpp"
#include "io/file.hpp"

namespace modelaudit::engine {
namespace {

namespace fs = std::filesystem;
using Groups = std::map<GroupKey, Group>;

constexpr std::size_t k_most_names = 1'000'000;  // of a folder that is looked into

Shard shard_of(ShardName name, std::string file_name, FamilyFile file) {
  Shard shard{std::move(name), std::move(file_name), std::move(file)};
  if (shard.file.result != nullptr) shard.size = shard.file.result->coverage.size;
  if (shard.file.path.empty()) return shard;
  if (const auto identity = io::identity_at(shard.file.path)) {
    shard.device = identity->device;
    shard.inode = identity->inode;
    shard.size = identity->size;
  }
  return shard;
}

GroupKey key_of(const std::string& folder, const ShardName& name) { return {folder, name.pattern, name.prefix, name.total}; }

std::vector<std::string> names_in(const fs::path& folder) {
  const auto opened = io::open_folder(folder);
  if (!opened) return {};
  auto names = io::names_beside(*opened, "", "*", k_most_names);
  return names ? *std::move(names) : std::vector<std::string>{};
}

/// Files that were named one by one may have shards beside them that were not.
void add_unnamed(Groups& groups) {
  std::map<fs::path, std::vector<std::string>> listings;
  for (auto& [key, group] : groups) {
    std::set<std::string> known;
    for (const Shard& shard : group.shards) known.insert(shard.file_name);
    std::set<fs::path> folders;
    for (const Shard& shard : group.shards) {
      // A download that is shown under another name lies where its family does not.
      if (shard.file.was_named && shard.file.path.filename() == shard.file_name) folders.insert(shard.file.path.parent_path());
    }
    for (const fs::path& folder : folders) {
      const auto [listing, is_new] = listings.try_emplace(folder);
      if (is_new) listing->second = names_in(folder);
      for (const std::string& name : listing->second) {
        auto parsed = parse_shard_name(name);
        if (!parsed || key_of(key.folder, *parsed) != key || !known.insert(name).second) continue;
        if (!io::identity_at(folder / name)) continue;
        group.shards.push_back(shard_of(*std::move(parsed), name, {folder / name, key.folder + name, nullptr, false, false, false}));
      }
    }
  }
}

void find_index(const GroupKey& key, Group& group, const std::map<std::string, const ScanResult*>& results) {
  for (const std::string& name : index_names(*key.pattern, key.prefix)) {
    const auto scanned = results.find(key.folder + name);
    const fs::path& shard = group.shards.front().file.path;
    const bool is_there = scanned != results.end() || (!shard.empty() && io::identity_at(shard.parent_path() / name));
    if (!is_there) continue;
    group.index = name;
    group.index_result = scanned == results.end() ? nullptr : scanned->second;
    return;
  }
}

// --- one family in several folders ---------------------------------------------------------------------------------

/// The longest folder, with its slash, that all begin with.
std::string common_folder(const std::vector<std::string>& folders) {
  std::string common = folders.front();
  for (const std::string& folder : folders) {
    const auto differ = std::mismatch(common.begin(), common.end(), folder.begin(), folder.end()).first;
    common.erase(differ, common.end());
  }
  return folder_of(common);
}

/// Why these groups are not one family; empty: they are.
std::string doubt_about(const std::vector<Groups::iterator>& parts) {
  std::vector<std::string> folders;
  std::set<std::uint64_t> numbers;
  std::size_t shards = 0;
  for (const auto& part : parts) {
    for (const Shard& shard : part->second.shards) {
      folders.push_back(folder_of(fs::absolute(shard.file.path).lexically_normal().string()));
      if (!shard.file.was_named) return "there are shards in these folders that were not named";
      numbers.insert(shard.name.number);
      ++shards;
      if (!io::is_own_folder(shard.file.path.parent_path())) return "a folder belongs to somebody else, or others can write to it";
    }
  }
  if (numbers.size() != shards) return "a number occurs twice";
  if (parts.front()->first.total && numbers.size() != *parts.front()->first.total) return "a shard is missing";
  if (common_folder(folders) == "/") return "the folders have no folder in common";
  return {};
}

void merge_folders(Groups& groups) {
  std::map<GroupKey, std::vector<Groups::iterator>> by_name;
  for (auto at = groups.begin(); at != groups.end(); ++at) {
    GroupKey key = at->first;
    key.folder.clear();
    by_name[key].push_back(at);
  }
  for (auto& [key, parts] : by_name) {
    if (parts.size() < 2) continue;
    if (const std::string doubt = doubt_about(parts); !doubt.empty()) {
      for (const auto& part : parts) part->second.doubts.push_back(doubt);
      continue;
    }
    std::vector<std::string> folders;
    Group whole;
    for (const auto& part : parts) {
      folders.push_back(part->first.folder);
      std::move(part->second.shards.begin(), part->second.shards.end(), std::back_inserter(whole.shards));
      groups.erase(part);
    }
    GroupKey merged = key;
    merged.folder = common_folder(folders);
    groups[merged] = std::move(whole);
  }
}

}  // namespace

std::string folder_of(const std::string& shown) { return shown.substr(0, shown.rfind('/') + 1); }

Groups group_shards(const std::vector<FamilyFile>& files, bool assume_one) {
  Groups groups;
  for (const FamilyFile& file : files) {
    const std::string folder = folder_of(file.shown);
    std::string name = file.shown.substr(folder.size());
    auto parsed = parse_shard_name(name);
    if (!parsed) continue;
    const GroupKey key = key_of(folder, *parsed);
    groups[key].shards.push_back(shard_of(*std::move(parsed), std::move(name), file));
  }
  if (groups.empty()) return groups;
  add_unnamed(groups);
  if (assume_one) merge_folders(groups);
  std::map<std::string, const ScanResult*> results;
  for (const FamilyFile& file : files) {
    if (file.result != nullptr) results.emplace(file.shown, file.result);
  }
  for (auto& [key, group] : groups) {
    std::sort(group.shards.begin(), group.shards.end(), [](const Shard& a, const Shard& b) {
      return a.name.number != b.name.number ? a.name.number < b.name.number : a.file.shown < b.file.shown;
    });
    find_index(key, group, results);
  }
  std::erase_if(groups, [](const auto& entry) { return entry.first.pattern->counts_only_with_index && entry.second.index.empty(); });
  return groups;
}

}  // namespace modelaudit::engine
