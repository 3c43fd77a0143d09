#include "sources/groups.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

namespace modelaudit::sources {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view folder_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash + 1);
}

/// What the members of a family have in common: the base name up to its first dot, without shard numbers at its end
/// ("model-00001-of-00002.safetensors", "checkpoint_3.pt", "consolidated.00.pth").
std::string_view stem_of(std::string_view name) {
  std::string_view stem = name.substr(folder_of(name).size());
  const auto dot = stem.find('.', 1);
  stem = stem.substr(0, dot);
  const auto cut_number = [&] {
    std::size_t end = stem.size();
    while (end > 0 && is_digit(stem[end - 1])) --end;
    if (end == stem.size() || end < 2 || (stem[end - 1] != '-' && stem[end - 1] != '_')) return false;
    stem = stem.substr(0, end - 1);
    return true;
  };
  if (cut_number() && (stem.ends_with("-of") || stem.ends_with("_of"))) {
    stem.remove_suffix(3);
    (void)cut_number();
  }
  return stem;
}

/// Folders that are one model as a whole, with all below them.
std::set<std::string> whole_folders(const std::vector<std::string_view>& names) {
  constexpr std::array<std::string_view, 3> files{"saved_model.pb", "saved_model.pbtxt", "model_index.json"};
  std::set<std::string> folders;
  for (const std::string_view name : names) {
    const std::string_view base = name.substr(folder_of(name).size());
    if (name.ends_with(".onnx") || std::find(files.begin(), files.end(), base) != files.end()) folders.emplace(folder_of(name));
  }
  return folders;
}

std::string group_of(std::string_view name, const std::set<std::string>& wholes) {
  for (std::string_view folder = folder_of(name);;) {
    if (wholes.contains(std::string(folder))) return std::string(folder) + "\n";  // no name holds a line break
    if (folder.empty()) break;
    folder.remove_suffix(1);
    folder = folder_of(folder);
  }
  return std::string(folder_of(name)) + std::string(stem_of(name));
}

}  // namespace

std::vector<std::vector<std::size_t>> model_groups(const std::vector<std::string_view>& names) {
  const std::set<std::string> wholes = whole_folders(names);
  std::map<std::string, std::size_t> known;
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [at, fresh] = known.try_emplace(group_of(names[i], wholes), groups.size());
    if (fresh) groups.emplace_back();
    groups[at->second].push_back(i);
  }
  return groups;
}

}  // namespace modelaudit::sources
