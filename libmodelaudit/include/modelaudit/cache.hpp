/// @file
/// The result cache: re-scanning an unchanged file costs a stat and one small read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modelaudit/export.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit {

/// What a backend knows about one stored entry.
struct CacheEntryInfo {
  Digest key{};
  std::uint64_t bytes = 0;
  std::int64_t last_used_s = 0;  ///< seconds since the epoch
};

/// Totals of a backend.
struct BackendStats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

/// Stores opaque records by key. The manager authenticates what it puts in, so a backend may be anything: a folder,
/// memory, a server. A backend that fails slows a scan, it never changes its result. Hosts may implement it.
///
/// @par Threads  every call may come from any thread.
class MODELAUDIT_EXPORT CacheBackend {
 public:
  virtual ~CacheBackend();
  /// The record; nothing when absent; a Failure when the backend itself failed. The two are never confused.
  virtual Result<std::optional<std::vector<std::byte>>> get(const Digest& key) = 0;
  virtual Result<void> put(const Digest& key, std::span<const std::byte> record) = 0;
  virtual Result<void> erase(const Digest& key) = 0;
  /// Calls `visit` for every entry; stops early when it returns false.
  virtual Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>& visit) = 0;
  virtual Result<BackendStats> stats() = 0;
};

/// Counts of one process and totals for ever.
struct CacheStats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t bypassed = 0;
  std::uint64_t rejected = 0;        ///< damaged, foreign or unauthenticated records met: each was a miss
  std::uint64_t backend_failures = 0;
  std::uint64_t time_saved_us = 0;
};

}  // namespace modelaudit
