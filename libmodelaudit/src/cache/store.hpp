#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/counts.hpp"
#include "cache/replay.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit::cache {

/// The records of a backend as the manager uses them: every failure is a miss with a counter, and a backend that only
/// fails is left alone for the rest of the run.
class Store {
 public:
  Store(std::shared_ptr<CacheBackend> backend, const CacheSecret& secret, RunCounts& counts)
      : results_(std::move(backend), secret), counts_(counts) {}

  std::optional<TracedResult> find(const Digest& key, std::string_view shown_path);
  void put(const Digest& key, const TracedResult& entry);
  const ScanResultsCache& results() const noexcept { return results_; }
  /// Held while the records that belong to a key are arranged; other keys may have to wait too. Another process may
  /// arrange them at the same time: then one of the two results is not found later, and stored again.
  std::unique_lock<std::mutex> lock(const Digest& key) { return std::unique_lock(locks_[key[0] % locks_.size()]); }
  /// What the last failure of the backend was; empty when there was none.
  const char* last_failure() const noexcept { return last_failure_; }

 private:
  void count_failure(const Failure& failure);

  ScanResultsCache results_;
  RunCounts& counts_;
  std::atomic<unsigned> failed_gets_{0};  ///< in a row
  std::atomic<unsigned> failed_puts_{0};  ///< in a row
  std::atomic<const char*> last_failure_{""};  ///< a literal
  std::array<std::mutex, 16> locks_;
};

/// The results that are kept under one key for content that may be equal.
///
/// The key has a few slots, one for each recipe; a slot holds the first result with this recipe. Further results with the
/// recipe stand under keys of their own, made from the slot's key and what the recipe observes. So any number of files
/// with one size, head and tail is told apart with as many reads as there are recipes.
class Candidates {
 public:
  /// Results are found for `shown_path`, which outlives the object.
  Candidates(Store& store, const Digest& key, Scope scope, std::string_view shown_path)
      : store_(store), key_(key), scope_(scope), shown_path_(shown_path) {}

  /// The result whose recipe observes the same now, with the trace of now. Called once.
  std::optional<TracedResult> find(Replay& replay);
  void put(const TracedResult& entry);

 private:
  TracedResult* slot(std::size_t at);
  Digest slot_key(std::size_t at) const;
  Digest observed_key(const Digest& observations) const;

  Store& store_;
  Digest key_;
  Scope scope_;
  std::string_view shown_path_;
  std::vector<TracedResult> slots_;  ///< as read so far
  bool end_known_ = false;           ///< the slot behind the last of `slots_` is empty
};

}  // namespace modelaudit::cache
