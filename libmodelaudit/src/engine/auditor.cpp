#include "modelaudit/auditor.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "engine/engine.hpp"
#include "engine/families.hpp"
#include "engine/walk.hpp"
#include "io/file.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit {
namespace {

constexpr unsigned k_most_threads = 256;
constexpr std::uint64_t k_least_window = std::uint64_t{1} << 20;

ScannerRegistry selected(ScannerRegistry registry, const Options& options) {
  registry.select(options.scanners, options.excluded_scanners);
  return registry;
}

/// A result whose only gap is that nothing recognised the file itself.
bool is_unknown(const ScanResult& result) {
  const auto& gaps = result.coverage.gaps;
  return gaps.size() == 1 && gaps.front().where.members.empty() &&
         (gaps.front().kind == GapKind::unrecognised || gaps.front().kind == GapKind::empty) && result.findings.empty();
}

/// A result of nothing but the failure to open the file.
bool could_not_be_opened(const ScanResult& result) {
  const auto& gaps = result.coverage.gaps;
  return result.scanners.empty() && gaps.size() == 1 && gaps.front().kind == GapKind::io_error;
}

using Metadata = decltype(Target::metadata);

void add_metadata(const Metadata& more, ScanResult& result) {
  if (more.empty()) return;
  result.metadata.insert(result.metadata.end(), more.begin(), more.end());
  std::sort(result.metadata.begin(), result.metadata.end());
}

/// What the caller said that a file holds; said of a folder, it is about no file.
const ContentId* known_content(const engine::WalkedFile& file) {
  const Target& target = *file.target;
  return target.content && file.path == target.path ? &*target.content : nullptr;
}

using ReadCallback = engine::FileInput::ReadCallback;
using Clock = std::chrono::steady_clock;

/// How the files of one call are scanned, where that may differ from call to call.
struct Run {
  ProgressCallback progress;
  std::optional<Clock::time_point> deadline;  ///< for all files together, beside the limit for each
  std::optional<Clock::time_point> begin_until;  ///< no file is begun after it
};

std::uint64_t microseconds_since(Clock::time_point started) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started).count());
}

}  // namespace

struct Auditor::Impl {
  Impl(Options given, ScannerRegistry scanners)
      : options(std::move(given)), registry(selected(std::move(scanners), options)), engine(registry, options) {
    validate(options.policy);
    if (options.large.window_bytes < k_least_window) throw Error("large.window_bytes must be at least 1 MiB");
    for (const auto& scanner : registry.all()) {
      const auto& extensions = scanner->info().extensions;
      model_extensions.insert(model_extensions.end(), extensions.begin(), extensions.end());
    }
  }

  /// Takes the cache that the options ask for. One that the user did not name and that cannot be used is only a warning.
  void open_cache();
  void use_cache(std::shared_ptr<CacheManager> manager);

  ScanResult scan_path(const std::filesystem::path& path, std::string_view shown, const Limits& limits,
                       const ReadCallback& on_read, const ContentId* content = nullptr) const;
  TracedResult scan_uncached(const std::filesystem::path& path, std::string_view shown, const Limits& limits,
                             const ReadCallback& on_read, TraceNeed need) const;
  std::uint64_t bytes_hashed() const { return cache ? cache->run_stats().bytes_hashed : 0; }
  ScanResult finish(ScanResult result) const {
    apply(options.policy, result);
    return result;
  }
  /// Puts a result where it belongs in a report.
  void add(ScanResult result, bool from_folder, const Metadata& metadata, ScanReport& report) const;
  void scan_all(const std::vector<engine::WalkedFile>& files, const Run& run, std::vector<ScanResult>& results) const;
  ScanReport scan_targets(std::span<const Target> targets, const Run& run) const;
  void judge(const engine::Walk& walk, ScanReport& report) const;
  Limits limits_until(const std::optional<Clock::time_point>& deadline) const;
  bool has_model_extension(const std::string& path) const {
    return std::any_of(model_extensions.begin(), model_extensions.end(), [&](const std::string& e) { return path.ends_with(e); });
  }

  Options options;
  ScannerRegistry registry;
  engine::Engine engine;
  std::vector<std::string> model_extensions;
  std::shared_ptr<CacheManager> cache;
  std::optional<SmartCacheKeyGenerator> keys;  ///< there when `cache` is
  std::string cache_warning;
  mutable std::mutex progress_mutex;
};

void Auditor::Impl::open_cache() {
  if (!options.cache.enabled) return;
  try {
    use_cache(get_cache_manager(options.cache));
  } catch (const Error& error) {
    if (!options.cache.dir.empty() || !options.cache.url.empty()) throw;
    cache_warning = error.what();
  }
}

void Auditor::Impl::use_cache(std::shared_ptr<CacheManager> manager) {
  if (!manager || !options.cache.enabled) return;
  cache = std::move(manager);
  keys.emplace(options, registry);
}

ScanResult Auditor::Impl::scan_path(const std::filesystem::path& path, std::string_view shown, const Limits& limits,
                                    const ReadCallback& on_read, const ContentId* content) const {
  const auto scan = [&](TraceNeed need) { return scan_uncached(path, shown, limits, on_read, need); };
  return cache ? cache->cached_scan(*keys, path, shown, scan, content) : scan(TraceNeed::none).result;
}

TracedResult Auditor::Impl::scan_uncached(const std::filesystem::path& path, std::string_view shown,
                                          const Limits& limits, const ReadCallback& on_read, TraceNeed need) const {
  const auto fd = io::open_regular(path);
  if (!fd) {
    TracedResult unread;
    unread.result.path = shown;
    unread.result.deterministic = false;
    Location where;
    where.path = unread.result.path;
    unread.result.coverage.gaps.push_back({GapKind::io_error, fd.error().what, std::move(where)});
    return unread;
  }
  const std::string name = path.filename().string();
  engine::ScanOutcome outcome = engine.scan_descriptor({.fd = fd->get(),
                                                        .name = name,
                                                        .shown = shown,
                                                        .limits = &limits,
                                                        .on_read = on_read,
                                                        .need = need,
                                                        .folder = path.parent_path()});
  return {std::move(outcome.result), std::move(outcome.trace)};
}

Limits Auditor::Impl::limits_until(const std::optional<Clock::time_point>& deadline) const {
  Limits limits = options.limits;
  if (!deadline) return limits;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
  limits.time = std::max(left, std::chrono::milliseconds{0});
  return limits;
}

void Auditor::Impl::scan_all(const std::vector<engine::WalkedFile>& files, const Run& run,
                             std::vector<ScanResult>& results) const {
  results.resize(files.size());
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  const auto tell = [&](const engine::WalkedFile& file, std::uint64_t bytes, std::uint64_t total) {
    if (!run.progress) return;
    const std::lock_guard lock(progress_mutex);
    run.progress({file.shown, done.load(), files.size(), bytes, total});
  };
  const auto work = [&] {
    while (!options.stop.stop_requested() && (!run.begin_until || Clock::now() < *run.begin_until)) {
      const std::size_t i = next.fetch_add(1);
      if (i >= files.size()) return;
      const auto on_read = [&](std::uint64_t furthest, std::uint64_t total) { tell(files[i], furthest, total); };
      results[i] = scan_path(files[i].path, files[i].shown, limits_until(run.deadline), on_read, known_content(files[i]));
      ++done;
      tell(files[i], results[i].coverage.size, results[i].coverage.size);
    }
  };
  const unsigned wanted = options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  const std::size_t workers = std::min<std::size_t>({wanted, files.size(), k_most_threads});
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < workers; ++i) threads.emplace_back(work);
  work();
  threads.clear();
  // Files that an interruption or the time limit kept from being begun are no results.
  std::erase_if(results, [](const ScanResult& result) { return result.path.empty(); });
}

Auditor::Auditor(Options options, ScannerRegistry registry)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(registry))) {
  impl_->open_cache();
}
Auditor::Auditor(Options options, ScannerRegistry registry, std::shared_ptr<CacheManager> cache)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(registry))) {
  impl_->use_cache(std::move(cache));
}
Auditor::~Auditor() = default;
Auditor::Auditor(Auditor&&) noexcept = default;
Auditor& Auditor::operator=(Auditor&&) noexcept = default;

void Auditor::Impl::add(ScanResult result, bool from_folder, const Metadata& metadata, ScanReport& report) const {
  const bool listed_only = from_folder && !options.strict && is_unknown(result) &&
                           !(result.coverage.size == 0 && has_model_extension(result.path));
  if (listed_only) {
    report.unknown.push_back(std::move(result.path));
  } else if (could_not_be_opened(result)) {
    report.errors.push_back({result.path, Errc::io_error, result.coverage.gaps.front().what + "; run as a user who may read it"});
  } else {
    add_metadata(metadata, result);
    report.files.push_back(finish(std::move(result)));
  }
}

ScanReport Auditor::scan(const std::filesystem::path& target) const { return scan(std::span(&target, 1)); }

ScanReport Auditor::scan(std::span<const std::filesystem::path> paths) const {
  std::vector<Target> targets;
  targets.reserve(paths.size());
  for (const std::filesystem::path& path : paths) targets.push_back({path, {}, {}, false, {}});
  return scan(std::span<const Target>(targets));
}

ScanReport Auditor::scan(std::span<const Target> targets) const {
  Run run{impl_->options.progress, std::nullopt, std::nullopt};
  if (impl_->options.total_time) run.begin_until = Clock::now() + *impl_->options.total_time;
  return impl_->scan_targets(targets, run);
}

ScanReport Auditor::Impl::scan_targets(std::span<const Target> targets, const Run& run) const {
  const auto started = Clock::now();
  ScanReport report;
  const engine::Walk walk = engine::walk(targets, report);
  const std::vector<engine::WalkedFile>& files = walk.files;
  std::vector<ScanResult> results;
  const std::uint64_t hashed_before = bytes_hashed();
  scan_all(files, run, results);
  report.bytes_hashed = bytes_hashed() - hashed_before;
  const std::size_t left_out = files.size() - results.size();
  if (left_out > 0 && !options.stop.stop_requested()) {
    report.errors.push_back({files.front().shown, Errc::timed_out,
                             "the time limit was reached: " + std::to_string(left_out) + " of " + std::to_string(files.size()) +
                                 " files were not scanned; allow more time (--timeout)"});
  }
  std::size_t at = 0;
  for (ScanResult& result : results) {
    while (files[at].shown != result.path) ++at;
    add(std::move(result), files[at].from_folder, files[at].target->metadata, report);
  }
  apply_to_findings(options.policy, report.findings);
  report.interrupted = options.stop.stop_requested();
  // What an interruption left out is not missing.
  if (!report.interrupted) judge(walk, report);
  report.duration_us = microseconds_since(started);
  return report;
}

/// Adds the families of shards.
void Auditor::Impl::judge(const engine::Walk& walk, ScanReport& report) const {
  std::unordered_map<std::string_view, const ScanResult*> results;
  for (const ScanResult& result : report.files) results.emplace(result.path, &result);
  const std::unordered_set<std::string_view> unknown(report.unknown.begin(), report.unknown.end());
  std::vector<engine::FamilyFile> files;
  files.reserve(walk.files.size() + walk.aliases.size());
  const auto add = [&](const engine::WalkedFile& file, const std::filesystem::path& path, const std::string& shown) {
    const auto found = results.find(file.shown);
    const ScanResult* result = found == results.end() ? nullptr : found->second;
    const bool is_unknown = unknown.count(file.shown) != 0;
    files.push_back({path, shown, result, result != nullptr || is_unknown, is_unknown, !file.from_folder});
  };
  for (const engine::WalkedFile& file : walk.files) add(file, file.path, file.shown);
  for (const engine::WalkedAlias& alias : walk.aliases) add(walk.files[alias.file], alias.path, alias.shown);
  report.families = engine::judge_families(files, options.assume_shard_family, [this](std::vector<Finding>& findings) {
    apply_to_findings(options.policy, findings);
  });
}

void Auditor::judge_families(ScanReport& report) const {
  std::vector<engine::FamilyFile> files;
  for (const ScanResult& result : report.files) files.push_back({{}, result.path, &result, true, false, false});
  for (const std::string& path : report.unknown) files.push_back({{}, path, nullptr, true, true, false});
  report.families = engine::judge_families(files, impl_->options.assume_shard_family, [this](std::vector<Finding>& findings) {
    apply_to_findings(impl_->options.policy, findings);
  });
}

std::optional<ScanReport> Auditor::find_content(const Target& target) const {
  if (!impl_->cache || !target.content) return std::nullopt;
  const std::string shown = target.shown.empty() ? target.path.string() : target.shown;
  auto result = impl_->cache->find_content(*impl_->keys, *target.content, target.path.filename().string(), shown);
  if (!result) return std::nullopt;
  ScanReport report;
  impl_->add(*std::move(result), target.from_folder, target.metadata, report);
  return report;
}

ScanResult Auditor::scan_file(const std::filesystem::path& path) const {
  return impl_->finish(impl_->scan_path(path, path.string(), impl_->options.limits, {}));
}

ScanResult Auditor::scan_bytes(std::span<const std::byte> bytes, std::string_view name) const {
  return impl_->finish(impl_->engine.scan_buffer(bytes, name).result);
}

ScanResult Auditor::scan_fd(int fd, std::string_view name) const {
  return impl_->finish(impl_->engine.scan_descriptor({.fd = fd, .name = name, .shown = name}).result);
}

ScanResult Auditor::scan_large_file(const std::filesystem::path& path, ProgressCallback progress,
                                    std::chrono::milliseconds time_limit) const {
  Limits limits = impl_->options.limits;
  limits.time = time_limit;
  const std::string shown = path.string();
  const auto on_read = [&](std::uint64_t furthest, std::uint64_t total) {
    if (progress) progress({shown, 0, 1, furthest, total});
  };
  ScanResult result = impl_->finish(impl_->scan_path(path, shown, limits, on_read));
  if (progress) progress({shown, 1, 1, result.coverage.size, result.coverage.size});
  return result;
}

ScanReport Auditor::scan_advanced_large_file(const std::filesystem::path& path, ProgressCallback progress,
                                             std::chrono::milliseconds time_limit) const {
  const Run run{std::move(progress), Clock::now() + time_limit, std::nullopt};
  std::vector<Target> targets;
  for (const std::filesystem::path& file : engine::family_of(path)) targets.push_back({file, {}, {}, false, {}});
  ScanReport report = impl_->scan_targets(targets, run);
  // An index tells by its content what it belongs to.
  if (targets.size() > 1 || report.files.size() != 1) return report;
  for (const std::filesystem::path& file : engine::files_of_index(path, report.files.front())) targets.push_back({file, {}, {}, false, {}});
  return targets.size() > 1 ? impl_->scan_targets(targets, run) : report;
}

const ScannerRegistry& Auditor::registry() const noexcept { return impl_->registry; }
const Options& Auditor::options() const noexcept { return impl_->options; }
CacheManager* Auditor::cache() const noexcept { return impl_->cache.get(); }
std::string_view Auditor::cache_warning() const noexcept { return impl_->cache_warning; }

std::string_view library_version() noexcept { return MODELAUDIT_VERSION; }

}  // namespace modelaudit
