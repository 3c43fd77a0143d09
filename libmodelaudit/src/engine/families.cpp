#include "engine/families.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/family_groups.hpp"
#include "io/beside.hpp"
#include "io/file.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_missing_listed = 1000;
constexpr std::size_t k_names_shown = 5;

/// "a, b, c and 7 more"
std::string some_of(const std::vector<std::string>& names, std::uint64_t all) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < k_names_shown; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (all > k_names_shown) out += fmt::format(" and {} more", all - std::min<std::uint64_t>(all, k_names_shown));
  return out;
}

const std::string* fact(const ScanResult& result, std::string_view key) {
  for (const auto& [name, value] : result.metadata) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::optional<std::uint64_t> number_fact(const ScanResult* result, std::string_view key) {
  const std::string* text = result == nullptr ? nullptr : fact(*result, key);
  std::uint64_t value = 0;
  if (text == nullptr || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

/// The files that an index names, as far as its scan listed them.
std::set<std::string> names_in_index(const ScanResult& index) {
  std::set<std::string> names;
  const std::string* listed = fact(index, "shard-index.shards");
  for (std::string_view rest = listed == nullptr ? std::string_view() : *listed; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    names.emplace(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

/// Format of the file itself, as its scan tells.
std::string format_of(const ScanResult& result) {
  const bool is_known = !result.assets.empty() && result.assets.front().members.empty();
  return is_known ? result.assets.front().format : "unknown";
}

class FamilyJudge {
 public:
  FamilyJudge(const GroupKey& key, const Group& group) : key_(key), group_(group) {
    family_.path = key.folder + group.shards.front().name.with_star();
    family_.kind = key.pattern->kind;
    family_.index = group.index;
  }

  ShardFamily judge() {
    count();
    find_missing();
    find_repeated_numbers();
    find_repeated_files();
    compare_formats();
    compare_gguf_keys();
    compare_with_index();
    for (const std::string& doubt : group_.doubts) {
      gap(GapKind::unsupported, "not taken for one family with the shards of other folders: " + doubt);
    }
    return std::move(family_);
  }

 private:
  void gap(GapKind kind, std::string what) {
    Location where;
    where.path = family_.path;
    family_.gaps.push_back({kind, std::move(what), std::move(where)});
  }

  void report(const Rule& rule, Severity severity, const char* message, Details details) {
    Location where;
    where.path = family_.path;
    Finding finding(rule, message, std::move(where), std::move(details));
    finding.severity = severity;
    family_.findings.push_back(std::move(finding));
  }

  void count() {
    for (const Shard& shard : group_.shards) numbers_.insert(shard.name.number);
    first_ = key_.pattern->first;
    // Some writers count from 0 where others count from 1.
    if (key_.total && first_ == 1 && numbers_.count(0) == 1 && numbers_.count(*key_.total) == 0) first_ = 0;
    if (key_.total) {
      family_.expected = *key_.total;
    } else if (!key_.pattern->may_have_gaps) {
      family_.expected = *numbers_.rbegin() - first_ + 1;
    }
    std::set<std::uint64_t> scanned;
    std::set<std::pair<std::uint64_t, std::uint64_t>> files;
    for (const Shard& shard : group_.shards) {
      if (!is_in_range(shard.name.number)) {
        report(rules::shard_foreign, Severity::warning, "The number of a shard is beyond their number",
               {{"file", shard.file_name}, {"expected", std::to_string(family_.expected)}});
        continue;
      }
      if (shard.file.was_scanned) scanned.insert(shard.name.number);
      if (shard.inode == 0 || files.insert({shard.device, shard.inode}).second) family_.total_size += shard.size;
      if (shard.file.unrecognised && !key_.pattern->opaque) gap(GapKind::unrecognised, "a shard of no known format: " + shard.file_name);
    }
    family_.scanned = scanned.size();
    family_.present = static_cast<std::uint64_t>(std::count_if(numbers_.begin(), numbers_.end(), [&](std::uint64_t n) { return is_in_range(n); }));
  }

  bool is_in_range(std::uint64_t number) const {
    if (!key_.total) return true;
    return number >= first_ && number - first_ < *key_.total;
  }

  void find_missing() {
    if (family_.expected > family_.present) {
      family_.missing_count = family_.expected - family_.present;
      std::uint64_t next = first_;
      for (const std::uint64_t number : numbers_) {
        if (!is_in_range(number)) continue;
        list_missing(next, number);
        next = number + 1;
      }
      list_missing(next, first_ + family_.expected);
      gap(GapKind::missing, fmt::format("{} of {} shards {} not there: {}", family_.missing_count, family_.expected,
                                        family_.missing_count == 1 ? "is" : "are", some_of(family_.missing, family_.missing_count)));
    }
    if (key_.pattern->needs_index && group_.index.empty()) {
      gap(GapKind::missing, "the index is not there: " + index_names(*key_.pattern, key_.prefix).front());
    }
  }

  void list_missing(std::uint64_t from, std::uint64_t to) {
    for (; from < to && family_.missing.size() < k_missing_listed; ++from) {
      family_.missing.push_back(group_.shards.front().name.with_number(from));
    }
  }

  void find_repeated_numbers() {
    for (std::size_t i = 1; i < group_.shards.size(); ++i) {
      const Shard& a = group_.shards[i - 1];
      const Shard& b = group_.shards[i];
      if (a.name.number != b.name.number) continue;
      const bool one_file = a.inode != 0 && a.inode == b.inode && a.device == b.device;
      report(rules::shard_duplicate, one_file ? Severity::info : Severity::warning, "Two files are the same shard by their names",
             {{"file", a.file.shown}, {"other", b.file.shown}});
    }
  }

  void find_repeated_files() {
    std::map<std::pair<std::uint64_t, std::uint64_t>, const Shard*> seen;
    for (const Shard& shard : group_.shards) {
      if (shard.inode == 0) continue;
      const auto [first, is_new] = seen.try_emplace({shard.device, shard.inode}, &shard);
      if (is_new || first->second->name.number == shard.name.number) continue;
      report(rules::shard_duplicate, Severity::warning, "One file stands for two shards",
             {{"file", first->second->file.shown}, {"other", shard.file.shown}});
    }
  }

  void compare_formats() {
    if (key_.pattern->opaque) return;
    std::map<std::string, std::vector<std::string>> by_format;
    for (const Shard& shard : group_.shards) {
      if (shard.file.result != nullptr && !shard.file.result->scanners.empty()) by_format[format_of(*shard.file.result)].push_back(shard.file_name);
    }
    if (by_format.size() < 2) return;
    const auto fewer = [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); };
    const auto usual = std::max_element(by_format.begin(), by_format.end(), fewer);
    for (const auto& [format, names] : by_format) {
      if (format == usual->first) continue;
      report(rules::shard_format, Severity::warning, "Shards are of another format than the rest",
             {{"files", some_of(names, names.size())}, {"format", format}, {"rest", usual->first}});
    }
  }

  void compare_gguf_keys() {
    for (const Shard& shard : group_.shards) {
      const auto count = number_fact(shard.file.result, "gguf.split_count");
      const auto number = number_fact(shard.file.result, "gguf.split_no");
      if (!count || !shard.name.total) continue;
      if (*count == *shard.name.total && (!number || *number + 1 == shard.name.number)) continue;
      report(rules::shard_foreign, Severity::warning, "A shard says of itself that it is another one",
             {{"file", shard.file_name}, {"split.no", number ? std::to_string(*number) : "absent"}, {"split.count", std::to_string(*count)}});
    }
  }

  void compare_with_index() {
    if (group_.index_result == nullptr) return;
    const std::set<std::string> names = names_in_index(*group_.index_result);
    // Where not all were listed, nothing follows from absence.
    if (names.empty() || number_fact(group_.index_result, "shard-index.shard_count") != names.size()) return;
    std::vector<std::string> strangers;
    for (const Shard& shard : group_.shards) {
      if (names.count(shard.file_name) == 0) strangers.push_back(shard.file_name);
    }
    if (strangers.empty()) return;
    report(rules::shard_foreign, Severity::info, "The index does not name shards that lie beside it",
           {{"files", some_of(strangers, strangers.size())}, {"index", group_.index}});
  }

  const GroupKey& key_;
  const Group& group_;
  ShardFamily family_;
  std::set<std::uint64_t> numbers_;
  std::uint64_t first_ = 0;
};

/// Families that differ in nothing but their totals lie in one folder: the rest of an older split.
void find_other_totals(const std::map<GroupKey, Group>& groups, const GroupKey& key, ShardFamily& family) {
  std::string others;
  bool is_first = true;
  for (const auto& [other, group] : groups) {
    if (!other.total || other.folder != key.folder || other.pattern != key.pattern || other.prefix != key.prefix) continue;
    if (other.total < key.total) is_first = false;
    if (other.total != key.total) others += (others.empty() ? "" : ", ") + std::to_string(*other.total);
  }
  if (others.empty() || (family.missing_count == 0 && is_first)) return;
  Location where;
  where.path = family.path;
  Finding finding(rules::shard_foreign, "Shards of another split of the model lie in the same folder", std::move(where),
                  {{"shards", std::to_string(family.expected)}, {"other splits", others}});
  if (family.missing_count == 0) finding.severity = Severity::info;
  family.findings.push_back(std::move(finding));
}

/// A part of a split GGUF model whose name does not number it: loaders find the other parts by their names alone.
std::optional<ShardFamily> lone_gguf_part(const FamilyFile& file) {
  const auto count = number_fact(file.result, "gguf.split_count");
  if (!count || *count < 2 || parse_shard_name(file.shown.substr(folder_of(file.shown).size()))) return std::nullopt;
  ShardFamily family;
  family.path = file.shown;
  family.kind = "gguf";
  family.expected = *count;
  family.present = 1;
  family.scanned = 1;
  family.total_size = file.result->coverage.size;
  family.missing_count = *count - 1;
  Location where;
  where.path = file.shown;
  std::string what = fmt::format("one of {} parts by its own keys, but its name does not number it: the others cannot be found", *count);
  family.gaps.push_back({GapKind::missing, std::move(what), std::move(where)});
  return family;
}

Verdict verdict_of(const ShardFamily& family, const Group& group) {
  std::optional<Severity> worst;
  bool complete = family.gaps.empty();
  for (const Finding& finding : family.findings) {
    if (finding.suppressed_by.empty()) worst = std::max(worst, std::optional(finding.severity));
  }
  for (const Shard& shard : group.shards) {
    const ScanResult* result = shard.file.result;
    if (result != nullptr) worst = std::max(worst, result->worst());
    complete = complete && (result != nullptr ? result->complete() : group.shards.front().name.pattern->opaque && shard.file.was_scanned);
  }
  if (worst == Severity::critical) return Verdict::malicious;
  if (worst == Severity::warning) return Verdict::suspicious;
  return complete ? Verdict::clean : Verdict::inconclusive;
}

}  // namespace

std::vector<ShardFamily> judge_families(const std::vector<FamilyFile>& files, bool assume_one,
                                        const std::function<void(std::vector<Finding>&)>& apply_policy) {
  std::vector<ShardFamily> families;
  const std::map<GroupKey, Group> groups = group_shards(files, assume_one);
  for (const auto& [key, group] : groups) {
    ShardFamily family = FamilyJudge(key, group).judge();
    find_other_totals(groups, key, family);
    // Models in one file are often named so, and every saved TensorFlow model is: only worth a word when it is wrong.
    if (group.shards.size() < 2 && family.gaps.empty() && family.findings.empty()) continue;
    apply_policy(family.findings);
    family.verdict = verdict_of(family, group);
    families.push_back(std::move(family));
  }
  for (const FamilyFile& file : files) {
    auto family = lone_gguf_part(file);
    if (!family) continue;
    const Verdict verdict = file.result->verdict();
    family->verdict = verdict == Verdict::clean ? Verdict::inconclusive : verdict;
    families.push_back(*std::move(family));
  }
  std::sort(families.begin(), families.end(), [](const ShardFamily& a, const ShardFamily& b) { return a.path < b.path; });
  return families;
}

std::vector<fs::path> family_of(const fs::path& path) {
  std::vector<fs::path> out;
  const fs::path folder = path.parent_path();
  const auto files = group_shards({{path, path.string(), nullptr, false, false, true}}, false);
  if (files.empty()) return {path};
  const Group& group = files.begin()->second;
  for (const Shard& shard : group.shards) out.push_back(shard.file.path);
  if (!group.index.empty()) out.push_back(folder / group.index);
  return out;
}

std::vector<fs::path> files_of_index(const fs::path& path, const ScanResult& index) {
  std::set<fs::path> files;
  const auto folder = io::open_folder(path.parent_path());
  if (!folder) return {};
  for (const std::string& name : names_in_index(index)) {
    const auto relative = io::plain_relative(name);
    if (!relative || !io::identity_beside(*folder, *relative)) continue;
    const fs::path named = path.parent_path() / *relative;
    if (files.count(named) != 0) continue;  // came with an earlier one
    for (const fs::path& file : family_of(named)) files.insert(file);
  }
  files.erase(path);
  return {files.begin(), files.end()};
}

}  // namespace modelaudit::engine
