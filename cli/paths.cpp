#include "paths.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "command.hpp"

namespace modelaudit::cli {

namespace fs = std::filesystem;

namespace {

bool has_wildcard(std::string_view word) {
  return word.find_first_of("*?[") != std::string_view::npos;
}

/// Entries of a folder, sorted; nothing when it cannot be read.
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder.empty() ? fs::path(".") : folder, error), end; !error && it != end;
       it.increment(error)) {
    entries.push_back(*it);
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path() < b.path(); });
  return entries;
}

bool is_hidden(const fs::path& name) {
  return name.native().starts_with('.');
}

/// Matches the components from `at` on below the folders that have matched so far.
class Glob {
 public:
  explicit Glob(const fs::path& pattern) : parts_(pattern.begin(), pattern.end()) {}

  std::vector<fs::path> matches() {
    descend({}, 0);
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  void descend(const fs::path& folder, std::size_t at) {
    std::error_code error;
    if (at == parts_.size()) {
      if (fs::exists(fs::symlink_status(folder, error))) found_.push_back(folder);
      return;
    }
    const fs::path& part = parts_[at];
    if (part == "**") return any_depth(folder, at);
    if (!has_wildcard(part.native())) return descend(folder / part, at + 1);
    for (const fs::directory_entry& entry : entries_of(folder)) {
      const fs::path name = entry.path().filename();
      if (::fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) descend(folder / name, at + 1);
    }
  }

  void any_depth(const fs::path& folder, std::size_t at) {
    if (at + 1 < parts_.size()) descend(folder, at + 1);
    for (const fs::directory_entry& entry : entries_of(folder)) {
      const fs::path name = entry.path().filename();
      if (is_hidden(name)) continue;
      std::error_code error;
      const bool enter = entry.is_directory(error) && !entry.is_symlink(error);
      if (enter)
        any_depth(folder / name, at);
      else if (at + 1 == parts_.size())
        found_.push_back(folder / name);
    }
  }

  std::vector<fs::path> parts_;
  std::vector<fs::path> found_;
};

}  // namespace

std::vector<fs::path> expand(const std::string& word) {
  std::error_code error;
  if (!has_wildcard(word) || fs::exists(fs::symlink_status(word, error))) return {word};
  return Glob(word).matches();
}

std::uint64_t parse_size(std::string_view word) {
  const std::string whole(word);
  const auto refuse = [&]() -> std::uint64_t {
    throw UsageError("'" + whole + "' is no size: write bytes or a number with KB, MB, GB or TB, such as 500MB");
  };
  double number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !(number > 0)) return refuse();
  word.remove_prefix(static_cast<std::size_t>(end - word.data()));
  while (word.starts_with(' ')) word.remove_prefix(1);
  std::string unit(word);
  for (char& c : unit) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  if (unit.ends_with("IB")) unit.erase(unit.size() - 2, 1);  // KiB: the same here
  static constexpr std::string_view k_units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
  std::size_t power = 0;
  if (!unit.empty()) {
    const auto* hit = std::find_if(std::begin(k_units), std::end(k_units), [&](std::string_view known) {
      return unit == known || (known.size() == 2 && unit == known.substr(0, 1));
    });
    if (hit == std::end(k_units)) return refuse();
    power = static_cast<std::size_t>(hit - std::begin(k_units));
  }
  const double bytes = std::floor(std::ldexp(number, static_cast<int>(10 * power)));
  if (bytes < 1 || bytes >= 0x1p63) return refuse();
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace modelaudit::cli
