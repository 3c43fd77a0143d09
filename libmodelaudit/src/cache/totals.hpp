#pragma once

#include <cstdint>

#include "modelaudit/result.hpp"

namespace modelaudit::cache {

/// Counts of one run, or their sums over all runs.
struct Counts {
  std::uint64_t hits = 0;
  std::uint64_t trace_hits = 0;  ///< among `hits`
  std::uint64_t misses = 0;
  std::uint64_t bypassed = 0;
  std::uint64_t rejected = 0;
  std::uint64_t backend_failures = 0;
  std::uint64_t bytes_hashed = 0;
  std::uint64_t time_saved_us = 0;
  std::int64_t stored_bytes = 0;  ///< by which the folder grew, or shrank

  void add(const Counts& other) noexcept;
  bool operator==(const Counts&) const = default;
};

/// A backend that keeps the totals itself, as a server for many processes does.
class TotalsKeeper {
 public:
  virtual ~TotalsKeeper() = default;
  virtual Result<void> add_totals(const Counts& counts) = 0;
  /// What cannot be read is 0.
  virtual Counts read_totals() = 0;
};

// The file `totals` is a log of one 80-byte record a run, appended with one write: processes need no lock and lose
// nothing. A record that is not whole (a full disk, kill -9) is skipped.
//
//   record = magic hits trace_hits misses bypassed rejected failures bytes_hashed saved_us stored_bytes
//   magic  = "MATOTAL2"; all others u64 little-endian, the last one signed

Result<void> append_totals(int folder, const Counts& counts);

/// Sums over the log. A log that is missing or unreadable sums to nothing: counts are for display and estimates.
Counts read_totals(int folder) noexcept;

/// Replaces a long log by its sum. Called under the folder's lock; runs that end meanwhile append to the new log.
void compact_totals(int folder) noexcept;

}  // namespace modelaudit::cache
