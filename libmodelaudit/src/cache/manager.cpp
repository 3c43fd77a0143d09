#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>

#include "cache/file_backend.hpp"
#include "cache/identity.hpp"
#include "cache/locations.hpp"
#include "cache/posix.hpp"
#include "cache/server.hpp"
#include "modelaudit/auditor.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit {
namespace {

namespace fs = std::filesystem;

// A folder that refuses so many records in a row (full disk, read-only) is not asked again by this run.
constexpr unsigned k_give_up_after = 8;
// A temporary file this old was left by a writer that was killed.
constexpr std::int64_t k_leftover_age_s = 3600;

/// Counters that threads share without waiting for each other.
struct RunCounts {
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> bypassed{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> backend_failures{0};
  std::atomic<std::uint64_t> time_saved_us{0};
  std::atomic<std::int64_t> stored_bytes{0};

  cache::Counts now() const noexcept {
    return {hits, misses, bypassed, rejected, backend_failures, time_saved_us, stored_bytes};
  }
};

/// What was counted since `before`.
cache::Counts difference(const cache::Counts& now, const cache::Counts& before) {
  return {now.hits - before.hits,
          now.misses - before.misses,
          now.bypassed - before.bypassed,
          now.rejected - before.rejected,
          now.backend_failures - before.backend_failures,
          now.time_saved_us - before.time_saved_us,
          now.stored_bytes - before.stored_bytes};
}

CacheStats as_stats(const cache::Counts& counts) {
  CacheStats stats;
  stats.hits = counts.hits;
  stats.misses = counts.misses;
  stats.bypassed = counts.bypassed;
  stats.rejected = counts.rejected;
  stats.backend_failures = counts.backend_failures;
  stats.time_saved_us = counts.time_saved_us;
  return stats;
}

/// A backend of a host's may throw; that is a failure of the backend, never of the scan.
template <typename Call>
auto guarded(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception&) {
    return Failure{Errc::io_error, 0, "cache: the backend threw"};
  }
}

/// A result of a backend that an operator asked for: failure is the operator's to hear.
template <typename T>
T or_throw(Result<T> result) {
  if (!result) throw Error(std::string("the result cache failed: ") + result.error().what);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace

struct CacheManager::Impl {
  Impl(std::shared_ptr<CacheBackend> backend, const CacheSecret& secret) : results(std::move(backend), secret) {}

  std::optional<ScanResult> find(const Digest& key, const FileIdentity& identity, std::string_view shown_path);
  void store(const Digest& key, const FileIdentity& identity, std::int64_t begun_ns, TracedResult& entry);
  void count_failure(const Failure& failure);
  CacheRemoval remove(std::int64_t last_used_before_s, std::int64_t leftover_age_s, bool dry_run);
  /// Counts that are not in the totals yet; marks them as added when `take`.
  cache::Counts fresh(bool take);

  ScanResultsCache results;
  cache::FileBackend* files = nullptr;  ///< the backend, when it is our folder
  fs::path directory;
  std::string server;
  std::uint64_t max_bytes = 0;
  RunCounts counts;
  std::atomic<const char*> last_failure{""};  ///< a literal
  std::mutex flush_mutex;
  cache::Counts flushed;  ///< what of `counts` is in the totals already
  std::atomic<unsigned> refused_in_a_row{0};
};

cache::Counts CacheManager::Impl::fresh(bool take) {
  const std::lock_guard lock(flush_mutex);
  const cache::Counts now = counts.now();
  const cache::Counts since = difference(now, flushed);
  if (take) flushed = now;
  return since;
}

void CacheManager::Impl::count_failure(const Failure& failure) {
  const bool damaged = failure.code == Errc::refused || failure.code == Errc::malformed;
  ++(damaged ? counts.rejected : counts.backend_failures);
  if (!damaged) last_failure = failure.what;
}

std::optional<ScanResult> CacheManager::Impl::find(const Digest& key, const FileIdentity& identity,
                                                   std::string_view shown_path) {
  auto found = guarded([&] { return results.find(key, shown_path); });
  if (!found) {
    count_failure(found.error());
    return std::nullopt;
  }
  if (!found->has_value()) return std::nullopt;
  TracedResult& entry = **found;
  // The key says so already; comparing once more costs nothing.
  if (entry.trace.identity.path != identity.path || !cache::same_file_state(entry.trace.identity, identity)) {
    ++counts.rejected;
    return std::nullopt;
  }
  if (!cache::surroundings_unchanged(entry.trace, fs::path(identity.path).parent_path())) return std::nullopt;
  return std::move(entry.result);
}

void CacheManager::Impl::store(const Digest& key, const FileIdentity& identity, std::int64_t begun_ns,
                               TracedResult& entry) {
  if (!entry.result.deterministic || !cache::same_file_state(entry.trace.identity, identity)) return;
  for (const Companion& companion : entry.trace.companions) {
    if (companion.existed && cache::is_racy(companion.identity, begun_ns)) return;
  }
  if (refused_in_a_row >= k_give_up_after) return;
  entry.trace.identity.path = identity.path;
  const auto size = guarded([&] { return results.store(key, entry); });
  if (size) {
    counts.stored_bytes += static_cast<std::int64_t>(*size);
    refused_in_a_row = 0;
  } else if (size.error().code != Errc::limit) {
    ++counts.backend_failures;
    last_failure = size.error().what;
    ++refused_in_a_row;
  }
}

CacheRemoval CacheManager::Impl::remove(std::int64_t last_used_before_s, std::int64_t leftover_age_s, bool dry_run) {
  CacheRemoval removed;
  Result<void> erased;
  CacheBackend& backend = results.backend();
  const auto visited = backend.for_each([&](const CacheEntryInfo& entry) {
    if (entry.last_used_s > last_used_before_s) return true;
    if (!dry_run) erased = backend.erase(entry.key);
    if (!erased) return false;
    ++removed.entries;
    removed.bytes += entry.bytes;
    return true;
  });
  if (!dry_run) {
    counts.stored_bytes -= static_cast<std::int64_t>(removed.bytes);
    if (files != nullptr) files->remove_leftovers(leftover_age_s);
  }
  or_throw(visited);
  or_throw(erased);
  return removed;
}

CacheManager::CacheManager(std::shared_ptr<CacheBackend> backend, const CacheSecret& secret)
    : impl_(std::make_unique<Impl>(std::move(backend), secret)) {}
CacheManager::CacheManager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CacheManager::~CacheManager() { flush(); }

ScanResult CacheManager::cached_scan(const SmartCacheKeyGenerator& keys, const fs::path& path,
                                     std::string_view shown_path, const std::function<TracedResult()>& scan) {
  // Before the file is looked at: a change from here on gets a later stamp.
  const std::int64_t begun_ns = cache::file_clock_ns();
  const fs::path absolute = cache::absolute_path(path);
  const auto identity = keys.trusts_identity() ? cache::identity_at(absolute) : Failure{Errc::refused, 0, "strict"};
  if (!identity) {
    ++impl_->counts.bypassed;
    ScanResult result = scan().result;
    result.cache = CacheUse::bypassed;
    return result;
  }
  const Digest key = keys.identity_key(*identity);
  if (auto hit = impl_->find(key, *identity, shown_path)) {
    ++impl_->counts.hits;
    impl_->counts.time_saved_us += hit->duration_us;
    hit->cache = CacheUse::identity_hit;
    return *std::move(hit);
  }
  ++impl_->counts.misses;
  const bool keep = !cache::is_racy(*identity, begun_ns) && cache::may_be_kept(absolute, *identity);
  TracedResult entry = scan();
  entry.result.cache = CacheUse::miss;
  if (keep) impl_->store(key, *identity, begun_ns, entry);
  return std::move(entry.result);
}

CacheStats CacheManager::run_stats() const noexcept { return as_stats(impl_->counts.now()); }

CacheStats CacheManager::stats() {
  cache::Counts counts = impl_->fresh(false);
  if (impl_->files != nullptr && impl_->files->folder() >= 0) counts.add(cache::read_totals(impl_->files->folder()));
  CacheStats stats = as_stats(counts);
  const BackendStats stored = or_throw(impl_->results.backend().stats());
  stats.entries = stored.entries;
  stats.bytes = stored.bytes;
  return stats;
}

CacheRemoval CacheManager::clear() { return impl_->remove(std::numeric_limits<std::int64_t>::max(), 0, false); }

CacheRemoval CacheManager::cleanup(std::chrono::seconds max_age, bool dry_run) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch();
  const std::int64_t before = (now - std::max(max_age, std::chrono::seconds{0})).count();
  return impl_->remove(before, k_leftover_age_s, dry_run);
}

void CacheManager::flush() noexcept {
  if (impl_->files == nullptr || impl_->files->folder() < 0) return;
  try {
    const int folder = impl_->files->folder();
    const cache::Counts fresh = impl_->fresh(true);
    if (fresh == cache::Counts{}) return;
    if (!cache::append_totals(folder, fresh)) return;
    if (fresh.stored_bytes <= 0) return;
    const std::int64_t stored = cache::read_totals(folder).stored_bytes;
    if (stored <= static_cast<std::int64_t>(impl_->max_bytes / 10 * 11)) return;
    cache::Counts correction;
    correction.stored_bytes = -impl_->files->shrink(impl_->max_bytes, stored);
    if (correction.stored_bytes != 0) (void)cache::append_totals(folder, correction).has_value();
  } catch (const std::exception&) {
    return;  // no memory left for bookkeeping: the next run does it
  }
}

const fs::path& CacheManager::directory() const noexcept { return impl_->directory; }
const std::string& CacheManager::server() const noexcept { return impl_->server; }
std::string_view CacheManager::last_failure() const noexcept { return impl_->last_failure.load(); }

std::shared_ptr<CacheManager> get_cache_manager(const CacheOptions& options, CacheAccess access) {
  if (!options.url.empty()) {
    if (!options.dir.empty()) throw Error("a folder and a server are both named for the result cache; choose one");
    cache::Server server = cache::open_server(options, access);
    auto impl = std::make_unique<CacheManager::Impl>(std::move(server.backend), server.secret);
    impl->server = std::move(server.address);
    return std::shared_ptr<CacheManager>(new CacheManager(std::move(impl)));
  }
  fs::path folder = options.dir;
  if (folder.empty()) {
    const auto standard = cache::default_cache_dir();
    if (!standard) throw Error(std::string("the result cache has no place: ") + standard.error().what);
    folder = *standard;
  }
  const bool create = access == CacheAccess::scan;
  auto backend = cache::FileBackend::open(folder, create);
  if (!backend) {
    throw Error("the cache folder " + folder.string() + " cannot be used: " + backend.error().what);
  }
  // Inspection counts and removes; it reads no record, so it needs no key.
  const CacheSecret secret = create ? CacheSecret::from_file(options.key_file) : CacheSecret{};
  auto impl = std::make_unique<CacheManager::Impl>(*backend, secret);
  impl->files = backend->get();
  impl->directory = folder;
  impl->max_bytes = options.max_bytes;
  return std::shared_ptr<CacheManager>(new CacheManager(std::move(impl)));
}

ScanResult scan_with_cache(CacheManager* cache, const SmartCacheKeyGenerator& keys, const fs::path& path,
                           std::string_view shown_path, const std::function<TracedResult()>& scan) {
  if (cache != nullptr) return cache->cached_scan(keys, path, shown_path, scan);
  ScanResult result = scan().result;
  result.cache = CacheUse::bypassed;
  return result;
}

}  // namespace modelaudit
