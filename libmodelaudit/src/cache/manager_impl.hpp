#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "cache/counts.hpp"
#include "cache/file_backend.hpp"
#include "cache/store.hpp"
#include "cache/totals.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit {

struct CacheManager::Impl {
  Impl(std::shared_ptr<CacheBackend> kept_in, const CacheSecret& secret)
      : backend(std::move(kept_in)), store(backend, secret, counts),
        totals(dynamic_cast<cache::TotalsKeeper*>(backend.get())) {}

  /// Counts that are not in the totals yet; marks them as added when `take`.
  cache::Counts fresh(bool take);
  void flush_to_keeper();
  CacheRemoval remove(std::int64_t last_used_before_s, std::int64_t leftover_age_s, bool dry_run);

  cache::RunCounts counts;
  std::shared_ptr<CacheBackend> backend;
  cache::Store store;
  cache::TotalsKeeper* totals;          ///< the backend, when it keeps them itself
  cache::FileBackend* files = nullptr;  ///< the backend, when it is our folder
  std::filesystem::path directory;
  std::string server;  ///< its address, for people
  std::uint64_t max_bytes = 0;
  std::mutex flush_mutex;
  cache::Counts flushed;  ///< what of `counts` is in the totals already
};

}  // namespace modelaudit
