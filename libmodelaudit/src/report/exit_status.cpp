#include "modelaudit/report.hpp"

namespace modelaudit {

int exit_status(const ScanReport& report) noexcept {
  if (report.interrupted) return 130;
  const auto worst = report.worst();
  if (worst && *worst >= Severity::warning) return 1;
  return report.verdict() == Verdict::clean ? 0 : 2;
}

}  // namespace modelaudit
