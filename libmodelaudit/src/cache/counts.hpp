#pragma once

#include <atomic>
#include <cstdint>

#include "cache/totals.hpp"

namespace modelaudit::cache {

/// Counters that threads share without waiting for each other.
struct RunCounts {
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> trace_hits{0};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> bypassed{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> backend_failures{0};
  std::atomic<std::uint64_t> bytes_hashed{0};
  std::atomic<std::uint64_t> time_saved_us{0};
  std::atomic<std::int64_t> stored_bytes{0};

  Counts now() const noexcept {
    return {hits, trace_hits, misses, bypassed, rejected, backend_failures, bytes_hashed, time_saved_us, stored_bytes};
  }
};

}  // namespace modelaudit::cache
