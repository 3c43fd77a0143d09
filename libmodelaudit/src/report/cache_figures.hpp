#pragma once

#include <cstdint>

#include "modelaudit/scan_result.hpp"

namespace modelaudit::report {

/// How the results of a report were come by.
struct CacheFigures {
  std::uint64_t identity_hits = 0;
  std::uint64_t trace_hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t bypassed = 0;
  std::uint64_t time_saved_us = 0;

  void add(const ScanResult& file) noexcept {
    switch (file.cache) {
      case CacheUse::bypassed: ++bypassed; return;
      case CacheUse::miss: ++misses; return;
      case CacheUse::identity_hit: ++identity_hits; break;
      case CacheUse::trace_hit: ++trace_hits; break;
    }
    time_saved_us += file.duration_us;
  }
  std::uint64_t hits() const noexcept { return identity_hits + trace_hits; }
  std::uint64_t look_ups() const noexcept { return hits() + misses; }
  /// 0 to 1; 0 when nothing was looked up.
  double hit_rate() const noexcept {
    return look_ups() == 0 ? 0 : static_cast<double>(hits()) / static_cast<double>(look_ups());
  }
};

}  // namespace modelaudit::report
