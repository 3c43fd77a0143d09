/// @file
/// Reports: a ScanReport as text for people or JSON for programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/export.hpp"
#include "modelaudit/scan_result.hpp"

namespace modelaudit {

struct ReportOptions {
  bool colour = false;         ///< ANSI colours (text)
  bool verbose = false;        ///< debug findings, per-file coverage and metadata too
  bool quiet = false;          ///< findings, gaps and errors only (text)
  bool deterministic = false;  ///< no clocks, no durations, no cache figures: byte-identical for the same bytes
  std::optional<unsigned> width;  ///< columns to wrap at (text); nothing: 80
};

/// The report for a person. Names and other untrusted text are escaped for terminals.
MODELAUDIT_EXPORT std::string render_text(const ScanReport& report, const ReportOptions& options = {});

/// The report as JSON with the keys of the Python tool plus `schema_version`, `tool`, `verdict`, `cache` and coverage.
MODELAUDIT_EXPORT std::string render_json(const ScanReport& report, const ReportOptions& options = {});

/// Untrusted text made safe for a terminal: control, bidi and invalid UTF-8 bytes as \xNN or \u{…} escapes.
MODELAUDIT_EXPORT std::string escape_for_terminal(std::string_view text);

/// 0 clean, 1 a warning or critical, 2 could not tell or failed, 130 interrupted (findings win over 2, not over 130).
MODELAUDIT_EXPORT int exit_status(const ScanReport& report) noexcept;

}  // namespace modelaudit
