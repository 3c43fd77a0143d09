// The JSON report. Keys and their order follow the Python tool, so that scripts written for it keep working; what is
// ours stands beside them. Untrusted text: control and non-ASCII characters leave as \uXXXX, bytes that are not UTF-8
// as \xNN.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "modelaudit/auditor.hpp"
#include "modelaudit/report.hpp"
#include "report/cache_figures.hpp"
#include "report/fingerprint.hpp"
#include "report/place.hpp"
#include "result/utf8.hpp"

namespace modelaudit {

namespace {

using Json = nlohmann::ordered_json;
using report::location_text;

// Raised when a key changes its meaning or goes away; new keys do not raise it.
constexpr int k_schema_version = 1;

/// JSON holds characters, names in models are bytes.
std::string text_json(std::string_view text) {
  if (utf8::is_valid(text)) return std::string(text);
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded step = utf8::decode(text, at);
    if (step.valid) {
      out.append(text, at, step.length);
    } else {
      out += "\\x";
      out += k_digits[step.point >> 4];
      out += k_digits[step.point & 15];
    }
    at += step.length;
  }
  return out;
}

Json texts_json(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(text_json(text));
  return out;
}

/// Evidence as an object; a key that comes again becomes a list.
Json details_json(const Details& details) {
  Json out = Json::object();
  for (const auto& [key, value] : details) {
    const std::string name = text_json(key);
    if (!out.contains(name)) {
      out[name] = text_json(value);
      continue;
    }
    if (!out[name].is_array()) out[name] = Json::array({out[name]});
    out[name].push_back(text_json(value));
  }
  return out;
}

Json place_json(const Location& where) {
  Json out = {{"path", text_json(where.path)}, {"member_path", texts_json(where.members)}};
  if (where.offset) out["offset"] = *where.offset;
  if (where.length) out["length"] = *where.length;
  if (where.line) out["line"] = *where.line;
  return out;
}

double seconds(std::uint64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;
}

/// Builds the report in one pass over the files.
class Writer {
 public:
  Writer(const ScanReport& report, const ReportOptions& options) : report_(report), options_(options) {
    using Clock = std::chrono::system_clock;
    if (options.deterministic) return;
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
    const auto now_us = static_cast<std::uint64_t>(now.count());
    start_ = seconds(now_us - std::min(now_us, report.duration_us));
  }

  std::string text() {
    for (const ScanResult& file : report_.files) add_file(file);
    for (const Finding& finding : report_.findings) add_finding(finding);
    for (const ShardFamily& family : report_.families) add_family(family);
    for (const TargetError& error : report_.errors) add_error(error);
    return document().dump(2, ' ', true) + "\n";
  }

 private:
  void add_file(const ScanResult& file) {
    bytes_ += file.coverage.size;
    scanners_.insert(file.scanners.begin(), file.scanners.end());
    cache_.add(file);
    for (const Finding& finding : file.findings) add_finding(finding);
    for (const Gap& gap : file.coverage.gaps) {
      add_check("Coverage", "failed", gap.what, location_text(gap.where), {{"gap", to_string(gap.kind)}});
    }
    const auto worst = file.worst();
    if (file.complete() && (!worst || *worst < Severity::warning)) {
      for (const std::string& id : file.scanners) {
        add_check(text_json(id) + " scan", "passed", "nothing of warning or above", file.path, Json::object());
      }
    }
    assets_.push_back(asset_json(file));
    metadata_.get_ref<Json::object_t&>().push_back(
        {text_json(file.path), metadata_json(file)});  // [] would be a search
    files_.push_back(file_json(file));
  }

  void add_finding(const Finding& finding) {
    if (finding.severity == Severity::debug && !options_.verbose) return;
    const Rule* rule = find_rule(finding.rule);
    Json issue = {{"message", text_json(finding.message)},
                  {"severity", to_string(finding.severity)},
                  {"location", text_json(location_text(finding.where))},
                  {"details", details_json(finding.details)}};
    if (rule != nullptr) issue["why"] = rule->why;
    issue["timestamp"] = start_;
    issue["type"] = text_json(std::string(report::family_of(finding.rule)) + "_check");
    if (rule != nullptr && !rule->code.empty()) issue["rule_code"] = rule->code;
    if (rule != nullptr && !rule->advice.empty()) issue["recommendation"] = rule->advice;
    issue["rule"] = text_json(finding.rule);
    issue["fingerprint"] = report::fingerprint(finding);
    issue["where"] = place_json(finding.where);
    if (!finding.uncleared.empty()) issue["uncleared"] = texts_json(finding.uncleared);
    const bool suppressed = !finding.suppressed_by.empty();
    if (suppressed) issue["suppressed"] = {{"by", text_json(finding.suppressed_by)}};
    const std::string name = rule == nullptr ? finding.rule : std::string(rule->name);
    Json& check = add_check(name, suppressed ? "skipped" : "failed", finding.message, location_text(finding.where),
                            issue["details"]);
    check["severity"] = issue["severity"];
    for (const char* key : {"why", "rule_code"}) {
      if (issue.contains(key)) check[key] = issue[key];
    }
    (suppressed ? suppressed_ : issues_).push_back(std::move(issue));
  }

  Json& add_check(std::string_view name, const char* status, std::string_view message, std::string_view location,
                  Json details) {
    ++(*status == 'p' ? passed_ : *status == 'f' ? failed_ : skipped_);
    checks_.push_back({{"name", text_json(name)},
                       {"status", status},
                       {"message", text_json(message)},
                       {"location", text_json(location)},
                       {"details", std::move(details)},
                       {"timestamp", start_}});
    return checks_.back();
  }

  void add_error(const TargetError& error) {
    errors_.push_back(
        {{"path", text_json(error.path)}, {"code", to_string(error.code)}, {"message", text_json(error.message)}});
  }

  static const char* format_of(const ScanResult& file) {
    return file.assets.empty() ? "unknown" : file.assets.front().format.c_str();
  }

  static Json asset_json(const ScanResult& file) {
    Json out = {{"path", text_json(file.path)}, {"type", text_json(format_of(file))}, {"size", file.coverage.size}};
    Json contents = Json::array();
    for (const Asset& asset : file.assets) {
      if (asset.members.empty()) continue;
      contents.push_back(
          {{"member_path", texts_json(asset.members)}, {"type", text_json(asset.format)}, {"size", asset.size}});
    }
    if (!contents.empty()) out["contents"] = std::move(contents);
    if (file.assets_omitted != 0) out["contents_omitted"] = file.assets_omitted;
    return out;
  }

  static Json metadata_json(const ScanResult& file) {
    Json out = {{"file_size", file.coverage.size}, {"format", text_json(format_of(file))}};
    if (!file.complete()) {
      out["analysis_incomplete"] = true;
      out["scan_outcome"] = "inconclusive";
      Json reasons = Json::array();
      for (const Gap& gap : file.coverage.gaps) reasons.push_back(text_json(gap.what));
      out["scan_outcome_reasons"] = std::move(reasons);
    }
    for (const auto& [key, value] : file.metadata) out[text_json(key)] = text_json(value);
    return out;
  }

  static Json gaps_json(const std::vector<Gap>& gaps) {
    Json out = Json::array();
    for (const Gap& gap : gaps) {
      out.push_back({{"kind", to_string(gap.kind)},
                     {"what", text_json(gap.what)},
                     {"location", text_json(location_text(gap.where))},
                     {"where", place_json(gap.where)}});
    }
    return out;
  }

  static Json coverage_json(const Coverage& coverage) {
    return {{"size", coverage.size},
            {"interpreted", coverage.interpreted},
            {"declared", coverage.declared},
            {"gaps", gaps_json(coverage.gaps)}};
  }

  /// Its findings stand among the issues.
  static Json family_json(const ShardFamily& family) {
    Json out = {{"path", text_json(family.path)},
                {"kind", text_json(family.kind)},
                {"verdict", to_string(family.verdict)},
                {"complete", family.gaps.empty()},
                {"expected", family.expected},
                {"present", family.present},
                {"scanned", family.scanned},
                {"total_size", family.total_size},
                {"missing_count", family.missing_count},
                {"missing", texts_json(family.missing)},
                {"gaps", gaps_json(family.gaps)}};
    if (!family.index.empty()) out["index"] = text_json(family.index);
    return out;
  }

  void add_family(const ShardFamily& family) {
    for (const Finding& finding : family.findings) add_finding(finding);
    for (const Gap& gap : family.gaps) {
      add_check("Coverage", "failed", gap.what, location_text(gap.where), {{"gap", to_string(gap.kind)}});
    }
    families_.push_back(family_json(family));
  }

  Json file_json(const ScanResult& file) const {
    Json out = {{"path", text_json(file.path)},          {"verdict", to_string(file.verdict())},
                {"complete", file.complete()},           {"format", text_json(format_of(file))},
                {"scanners", texts_json(file.scanners)}, {"coverage", coverage_json(file.coverage)}};
    if (options_.deterministic) return out;
    out["cache"] = to_string(file.cache);
    out["duration"] = seconds(file.duration_us);
    return out;
  }

  Json cache_json() const {
    return {{"hits", cache_.hits()},
            {"hits_stat", cache_.identity_hits},
            {"hits_trace", cache_.trace_hits},
            {"misses", cache_.misses},
            {"bypassed", cache_.bypassed},
            {"hit_rate", cache_.hit_rate()},
            {"bytes_hashed", report_.bytes_hashed},
            {"time_saved_ms", static_cast<double>(cache_.time_saved_us) / 1e3}};
  }

  bool success() const { return report_.complete() && !report_.files.empty(); }

  Json document() {
    Json skipped = Json::array();
    for (const Skipped& entry : report_.skipped) {
      skipped.push_back({{"path", text_json(entry.path)}, {"reason", text_json(entry.reason)}});
    }
    Json out = {
        {"schema_version", k_schema_version},
        {"tool",
         {{"name", "modelaudit"}, {"version", library_version()}, {"ruleset_digest", report::ruleset_digest()}}},
        {"verdict", to_string(report_.verdict())},
        {"complete", report_.complete()},
        {"interrupted", report_.interrupted},
        {"errors", std::move(errors_)},
        {"bytes_scanned", bytes_},
        {"issues", std::move(issues_)},
        {"checks", std::move(checks_)},
        {"files_scanned", report_.files.size()},
        {"assets", std::move(assets_)},
        {"has_errors", !report_.errors.empty()},
        {"scanner_names", texts_json({scanners_.begin(), scanners_.end()})},
        {"file_metadata", std::move(metadata_)},
        {"start_time", start_},
        {"duration", options_.deterministic ? 0.0 : seconds(report_.duration_us)},
        {"total_checks", passed_ + failed_},
        {"passed_checks", passed_},
        {"failed_checks", failed_},
        {"skipped_checks", skipped_},
        {"success", success()},
        {"files", std::move(files_)},
        {"families", std::move(families_)},
        {"suppressed", std::move(suppressed_)},
        {"unknown_files", texts_json(report_.unknown)},
        {"skipped", std::move(skipped)}};
    if (!options_.deterministic) out["cache"] = cache_json();
    return out;
  }

  const ScanReport& report_;
  const ReportOptions& options_;
  double start_ = 0.0;
  std::uint64_t bytes_ = 0;
  report::CacheFigures cache_;
  std::uint64_t passed_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t skipped_ = 0;
  std::set<std::string> scanners_;
  Json issues_ = Json::array();
  Json suppressed_ = Json::array();
  Json checks_ = Json::array();
  Json assets_ = Json::array();
  Json files_ = Json::array();
  Json families_ = Json::array();
  Json errors_ = Json::array();
  Json metadata_ = Json::object();
};

}  // namespace

std::string render_json(const ScanReport& report, const ReportOptions& options) {
  return Writer(report, options).text();
}

}  // namespace modelaudit
