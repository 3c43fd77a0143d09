/// @file
/// Reports made by hand, for tests that need no engine.
#pragma once

#include "modelaudit/scan_result.hpp"

namespace modelaudit::test {

inline Finding sample_finding(Severity severity, const std::string& message = "The link points elsewhere") {
  Finding finding;
  finding.rule = "folder-link-escape";  // a rule of the engine itself: in every build's catalogue
  finding.severity = severity;
  finding.message = message;
  finding.where.path = "dir/model.pt";
  finding.where.members = {"archive/data.pkl"};
  finding.where.offset = 42;
  finding.details = {{"module", "posix"}, {"name", "system"}};
  return finding;
}

inline ScanResult sample_file(const std::string& path, std::vector<Finding> findings = {}) {
  ScanResult file;
  file.path = path;
  file.findings = std::move(findings);
  file.coverage.size = 2048;
  file.coverage.interpreted = 2048;
  file.assets = {{{}, "pytorch-zip", 2048}, {{"archive/data.pkl"}, "pickle", 100}};
  file.scanners = {"pickle", "pytorch-zip"};
  file.metadata = {{"pickle.opcode_count", "12"}};
  file.duration_us = 1500;
  file.cache = CacheUse::miss;
  return file;
}

inline ScanResult incomplete_file(const std::string& path) {
  ScanResult file = sample_file(path);
  Location place;
  place.path = path;
  place.offset = 12;
  file.coverage.gaps.push_back({GapKind::truncated, "data ends inside an integer", place});
  return file;
}

inline ScanReport report_of(std::vector<ScanResult> files) {
  ScanReport report;
  report.files = std::move(files);
  report.duration_us = 4000;
  return report;
}

}  // namespace modelaudit::test
