/// @file
/// How far the scan is, on standard error.
#pragma once

#include <chrono>
#include <modelaudit/auditor.hpp>

namespace modelaudit::cli {

/// On a terminal one line that is rewritten and taken away at the end; elsewhere a line now and then.
class ProgressLine {
 public:
  /// @param at_once show it from the start; else only for scans that take a while.
  ProgressLine(bool terminal, bool at_once);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;

  bool terminal_;
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace modelaudit::cli
