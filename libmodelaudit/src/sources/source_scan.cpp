#include "sources/source_scan.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>

#include "cache/hex.hpp"
#include "modelaudit/error.hpp"
#include "sources/fetch.hpp"
#include "sources/groups.hpp"
#include "sources/names.hpp"

namespace modelaudit::sources {
namespace {

namespace fs = std::filesystem;

template <typename T>
void move_to(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// The store in the folder of the Auditor's cache; where there is none, or it cannot be used, nothing is kept.
std::shared_ptr<DownloadStore> store_of(const Auditor& auditor, const SourceOptions& options) {
  const CacheManager* cache = auditor.cache();
  if (options.stream || options.store_size == 0 || cache == nullptr || cache->directory().empty()) return nullptr;
  try {
    return DownloadStore::open(cache->directory());
  } catch (const Error&) {
    return nullptr;
  }
}

ScanReport too_large(const std::string& shown, std::uint64_t size, std::uint64_t limit) {
  ScanReport report;
  ScanResult& result = report.files.emplace_back();
  result.path = shown;
  result.coverage.size = size;
  Location where;
  where.path = shown;
  result.coverage.gaps.push_back({GapKind::limit, "the file has " + std::to_string(size) + " bytes, more than the limit of " + std::to_string(limit) + " (--max-size)", std::move(where)});
  return report;
}

}  // namespace

void append(ScanReport& report, ScanReport&& part) {
  move_to(report.files, part.files);
  move_to(report.errors, part.errors);
  move_to(report.findings, part.findings);
  move_to(report.unknown, part.unknown);
  move_to(report.skipped, part.skipped);
  report.interrupted = report.interrupted || part.interrupted;
}

SourceScan::SourceScan(const Auditor& auditor, const Driver& driver, HttpClient& client, const SourceOptions& options, std::string reference,
                       RemoteListing listing)
    : auditor_(auditor), driver_(driver), client_(client), options_(options), reference_(std::move(reference)), listing_(std::move(listing)), store_(store_of(auditor, options)),
      file_limit_(std::min(options.file_size, auditor.options().limits.file_size.value_or(options.file_size))) {
  for (RemoteFile& remote : listing_.files) files_.push_back({std::move(remote), {}, {}, {}, false});
}

void SourceScan::fail(File& file, Errc code, const std::string& message, ScanReport& report) const {
  file.unusable = true;
  report.errors.push_back({file.remote.shown, code, message});
}

/// What can be said about a file before it is fetched.
void SourceScan::check(File& file, ScanReport& report) {
  const RemoteFile& remote = file.remote;
  if (const auto why = why_unusable_path(remote.name)) return fail(file, Errc::refused, "the server lists " + *why + "; not fetched", report);
  if (remote.size && *remote.size > file_limit_) {
    file.unusable = true;
    return append(report, too_large(remote.shown, *remote.size, file_limit_));
  }
  if (!remote.sha256 || !remote.size) return;
  file.content = ContentId{*remote.sha256, *remote.size};
  // A result under a digest that only the server vouches for is not what --strict asks for.
  if (!auditor_.options().strict) file.known = auditor_.find_content(target_of(file));
}

Target SourceScan::target_of(const File& file) const {
  Target target;
  target.path = file.path.empty() ? fs::path(file.remote.name) : file.path;
  target.shown = file.remote.shown;
  target.content = file.content;
  target.from_folder = listing_.is_folder;
  target.metadata = listing_.metadata;
  target.metadata.emplace_back("source.type", driver_.type());
  target.metadata.emplace_back("source.url", file.remote.shown);
  if (file.content) target.metadata.emplace_back("source.sha256", cache::to_hex(file.content->sha256));
  return target;
}

/// The same content under another name of this group: one more link to it.
bool SourceScan::copy_of_fetched(const File& file, const fs::path& to) const {
  if (!file.content) return false;
  return std::any_of(files_.begin(), files_.end(), [&](const File& other) {
    return &other != &file && other.content == file.content && !other.path.empty() && other.remote.local.empty() &&
           ::link(other.path.c_str(), to.c_str()) == 0;
  });
}

void SourceScan::fetch_to(File& file, const fs::path& to) {
  const auto tell = [&](std::uint64_t done, std::uint64_t total) {
    if (options_.progress) options_.progress({file.remote.shown, files_done_, files_.size(), done, total});
  };
  tell(0, file.remote.size.value_or(0));
  file.content = fetch(client_, driver_, file.remote, to, file_limit_, options_, tell);
}

/// Puts the file into the tree: from the store, or from the server.
void SourceScan::obtain(File& file, const fs::path& tree, ScanReport& report) {
  if (!file.remote.local.empty()) {
    file.path = file.remote.local;
    return;
  }
  try {
    const fs::path to = tree / file.remote.name;
    fs::create_directories(to.parent_path());
    if (!copy_of_fetched(file, to) && !(store_ && file.content && store_->take(*file.content, to))) fetch_to(file, to);
    file.path = to;
  } catch (const SourceFailure& failure) {
    if (failure.code() == Errc::cancelled) return;  // said once, for the whole report
    fail(file, failure.code(), failure.what(), report);
  } catch (const fs::filesystem_error&) {
    fail(file, Errc::io_error, "two names that this file system takes for one, or a disk that cannot be written to", report);
  }
}

ScanReport SourceScan::scan_fetched(const std::vector<std::size_t>& members) const {
  std::vector<Target> targets;
  for (const std::size_t i : members) {
    if (!files_[i].path.empty()) targets.push_back(target_of(files_[i]));
  }
  return auditor_.scan(std::span<const Target>(targets));
}

void SourceScan::give_back(File& file) {
  if (store_ && file.content && !file.path.empty() && file.remote.local.empty()) (void)store_->keep(*file.content, file.path);
  file.path.clear();
}

void SourceScan::scan_group(const std::vector<std::size_t>& members, ScanReport& report) {
  const WorkFolder work(store_ ? store_->directory() : fs::temp_directory_path());
  const fs::path tree = work.path() / "tree";
  fs::create_directory(tree);
  const auto obtain_those = [&](bool known) {
    for (const std::size_t i : members) {
      File& file = files_[i];
      if (file.unusable || !file.path.empty() || file.known.has_value() != known || is_interrupted()) continue;
      obtain(file, tree, report);
      ++files_done_;
    }
  };
  obtain_those(false);
  ScanReport scanned = scan_fetched(members);
  // A result that is not found by its content rests on other files too: then those whose own results are known have to
  // lie beside it, and what was scanned without them does not count.
  const auto rests_on_others = [&](std::size_t i) { return !files_[i].path.empty() && !(files_[i].content && auditor_.find_content(target_of(files_[i]))); };
  const bool any_known = std::any_of(members.begin(), members.end(), [&](std::size_t i) { return files_[i].known && !files_[i].unusable; });
  if (any_known && std::any_of(members.begin(), members.end(), rests_on_others)) {
    obtain_those(true);
    scanned = scan_fetched(members);
    for (const std::size_t i : members) files_[i].known.reset();
  }
  append(report, std::move(scanned));
  for (const std::size_t i : members) {
    if (files_[i].known && !files_[i].unusable) append(report, std::move(*files_[i].known));
    give_back(files_[i]);
  }
}

void SourceScan::run(ScanReport& report) {
  move_to(report.errors, listing_.errors);
  std::set<std::string_view> names;
  std::uint64_t total = 0;
  for (File& file : files_) {
    if (is_interrupted()) break;
    if (!names.insert(file.remote.name).second) {
      fail(file, Errc::refused, "the server lists this name twice", report);
      continue;
    }
    check(file, report);
    if (file.unusable || file.known) continue;
    total += std::min(file.remote.size.value_or(0), file_limit_);
    if (total > options_.total_size) fail(file, Errc::limit, "the files before it have used up the limit of " + std::to_string(options_.total_size) + " bytes for one reference; name a folder of it", report);
  }
  std::vector<std::vector<std::size_t>> groups(1, std::vector<std::size_t>(files_.size()));
  std::iota(groups[0].begin(), groups[0].end(), std::size_t{0});
  if (options_.stream) {
    std::vector<std::string_view> all;
    for (const File& file : files_) all.push_back(file.remote.name);
    groups = model_groups(all);
  }
  for (const auto& members : groups) {
    if (is_interrupted()) break;
    try {
      scan_group(members, report);
    } catch (const Error& error) {
      report.errors.push_back({reference_, Errc::io_error, error.what()});
    } catch (const fs::filesystem_error& error) {
      report.errors.push_back({reference_, Errc::io_error, "no folder for what is fetched: " + error.code().message() + "; check TMPDIR and --cache-dir"});
    }
  }
  report.interrupted = report.interrupted || is_interrupted();
  // A single file was asked for by its name; what lies beside it on the server is not known.
  if (listing_.is_folder && !report.interrupted) auditor_.judge_families(report);
  if (store_) (void)store_->shrink(options_.store_size);
  std::stable_sort(report.files.begin(), report.files.end(), [](const ScanResult& a, const ScanResult& b) { return a.path < b.path; });
}

}  // namespace modelaudit::sources
