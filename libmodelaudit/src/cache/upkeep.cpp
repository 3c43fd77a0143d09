// What is not a look-up: counting, removing, the size limit.
#include <algorithm>
#include <limits>

#include "cache/manager_impl.hpp"
#include "modelaudit/auditor.hpp"

namespace modelaudit {
namespace {

// A temporary file this old was left by a writer that was killed.
constexpr std::int64_t k_leftover_age_s = 3600;

/// What was counted since `before`.
cache::Counts difference(const cache::Counts& now, const cache::Counts& before) {
  return {now.hits - before.hits,
          now.trace_hits - before.trace_hits,
          now.misses - before.misses,
          now.bypassed - before.bypassed,
          now.rejected - before.rejected,
          now.backend_failures - before.backend_failures,
          now.bytes_hashed - before.bytes_hashed,
          now.time_saved_us - before.time_saved_us,
          now.stored_bytes - before.stored_bytes};
}

CacheStats as_stats(const cache::Counts& counts) {
  CacheStats stats;
  stats.hits = counts.hits;
  stats.trace_hits = counts.trace_hits;
  stats.misses = counts.misses;
  stats.bypassed = counts.bypassed;
  stats.rejected = counts.rejected;
  stats.backend_failures = counts.backend_failures;
  stats.bytes_hashed = counts.bytes_hashed;
  stats.time_saved_us = counts.time_saved_us;
  return stats;
}

/// A result of a backend that an operator asked for: failure is the operator's to hear.
template <typename T>
T or_throw(Result<T> result) {
  if (!result) throw Error(std::string("the result cache failed: ") + result.error().what);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace

cache::Counts CacheManager::Impl::fresh(bool take) {
  const std::lock_guard lock(flush_mutex);
  const cache::Counts now = counts.now();
  const cache::Counts since = difference(now, flushed);
  if (take) flushed = now;
  return since;
}

CacheRemoval CacheManager::Impl::remove(std::int64_t last_used_before_s, std::int64_t leftover_age_s, bool dry_run) {
  CacheRemoval removed;
  Result<void> erased;
  const auto visited = backend->for_each([&](const CacheEntryInfo& entry) {
    if (entry.last_used_s > last_used_before_s) return true;
    if (!dry_run) erased = backend->erase(entry.key);
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

CacheStats CacheManager::run_stats() const noexcept { return as_stats(impl_->counts.now()); }

CacheStats CacheManager::stats() {
  cache::Counts counts = impl_->fresh(false);
  if (impl_->files != nullptr && impl_->files->folder() >= 0) counts.add(cache::read_totals(impl_->files->folder()));
  if (impl_->totals != nullptr) counts.add(impl_->totals->read_totals());
  CacheStats stats = as_stats(counts);
  const BackendStats stored = or_throw(impl_->backend->stats());
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

CacheCheck CacheManager::verify(bool repair) {
  CacheCheck check;
  std::int64_t removed_bytes = 0;
  Result<void> failed;
  const auto visited = impl_->backend->for_each([&](const CacheEntryInfo& entry) {
    const auto found = impl_->store.results().find(entry.key, {});
    if (found) {
      check.good += found->has_value() ? 1 : 0;  // not when another process removed it meanwhile
      return true;
    }
    switch (found.error().code) {
      case Errc::unsupported: ++check.other_builds; return true;
      case Errc::refused:
      case Errc::malformed: ++check.bad; break;
      default: failed = found.error(); return false;
    }
    if (!repair) return true;
    failed = impl_->backend->erase(entry.key);
    if (!failed) return false;
    ++check.removed;
    removed_bytes += static_cast<std::int64_t>(entry.bytes);
    return true;
  });
  impl_->counts.stored_bytes -= removed_bytes;
  or_throw(visited);
  or_throw(failed);
  return check;
}

void CacheManager::Impl::flush_to_keeper() {
  const cache::Counts added = fresh(true);
  if (added != cache::Counts{}) (void)totals->add_totals(added).has_value();
}

void CacheManager::flush() noexcept {
  if (impl_->totals != nullptr) {
    try {
      impl_->flush_to_keeper();
    } catch (const std::exception&) {
      return;  // counts are for display
    }
  }
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

}  // namespace modelaudit
