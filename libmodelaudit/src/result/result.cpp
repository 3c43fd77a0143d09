#include <algorithm>

#include "modelaudit/scan_result.hpp"

namespace modelaudit {

const char* to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::debug: return "debug";
    case Severity::info: return "info";
    case Severity::warning: return "warning";
    case Severity::critical: return "critical";
  }
  return "unknown";
}

const char* to_string(GapKind kind) noexcept {
  switch (kind) {
    case GapKind::truncated: return "truncated";
    case GapKind::corrupt: return "corrupt";
    case GapKind::encrypted: return "encrypted";
    case GapKind::unsupported: return "unsupported";
    case GapKind::limit: return "limit";
    case GapKind::io_error: return "io_error";
    case GapKind::changed: return "changed";
    case GapKind::timed_out: return "timed_out";
    case GapKind::cancelled: return "cancelled";
    case GapKind::unrecognised: return "unrecognised";
    case GapKind::unexamined: return "unexamined";
    case GapKind::empty: return "empty";
    case GapKind::missing: return "missing";
  }
  return "unknown";
}

const char* to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::clean: return "clean";
    case Verdict::suspicious: return "suspicious";
    case Verdict::malicious: return "malicious";
    case Verdict::inconclusive: return "inconclusive";
  }
  return "unknown";
}

const char* to_string(CacheUse use) noexcept {
  switch (use) {
    case CacheUse::bypassed: return "bypassed";
    case CacheUse::miss: return "miss";
    case CacheUse::identity_hit: return "identity_hit";
    case CacheUse::trace_hit: return "trace_hit";
  }
  return "unknown";
}

namespace {

std::optional<Severity> worst_of(const std::vector<Finding>& findings) noexcept {
  std::optional<Severity> worst;
  for (const Finding& finding : findings) {
    if (finding.suppressed_by.empty() && (!worst || finding.severity > *worst)) worst = finding.severity;
  }
  return worst;
}

Verdict judge(std::optional<Severity> worst, bool complete) noexcept {
  if (worst == Severity::critical) return Verdict::malicious;
  if (worst == Severity::warning) return Verdict::suspicious;
  return complete ? Verdict::clean : Verdict::inconclusive;
}

}  // namespace

std::optional<Severity> ScanResult::worst() const noexcept { return worst_of(findings); }

Verdict ScanResult::verdict() const noexcept { return judge(worst(), complete()); }

bool ScanResult::operator==(const ScanResult& other) const {
  return path == other.path && findings == other.findings && coverage == other.coverage && assets == other.assets &&
         assets_omitted == other.assets_omitted && scanners == other.scanners && metadata == other.metadata &&
         deterministic == other.deterministic;
}

std::optional<Severity> ScanReport::worst() const noexcept {
  std::optional<Severity> worst = worst_of(findings);
  for (const ScanResult& file : files) worst = std::max(worst, file.worst());
  for (const ShardFamily& family : families) worst = std::max(worst, worst_of(family.findings));
  return worst;
}

bool ScanReport::complete() const noexcept {
  return !interrupted && errors.empty() &&
         std::all_of(files.begin(), files.end(), [](const ScanResult& file) { return file.complete(); }) &&
         std::all_of(families.begin(), families.end(), [](const ShardFamily& family) { return family.gaps.empty(); });
}

Verdict ScanReport::verdict() const noexcept { return judge(worst(), complete() && !files.empty()); }

}  // namespace modelaudit
