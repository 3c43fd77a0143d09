#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "modelaudit/auditor.hpp"
#include "modelaudit/report.hpp"
#include "report/sample.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using Json = nlohmann::json;

namespace {

Json parsed(const ScanReport& report, const ReportOptions& options = {}) {
  return Json::parse(render_json(report, options));
}

ScanReport mixed_report() {
  Finding suppressed = sample_finding(Severity::warning);
  suppressed.suppressed_by = "suppress: S406";
  ScanReport report = report_of({sample_file("dir/model.pt", {sample_finding(Severity::critical), suppressed}),
                                 sample_file("ok.pt"), incomplete_file("cut.pt")});
  report.errors.push_back({"gone", Errc::not_found, "there is no such file"});
  report.unknown.push_back("notes.txt");
  report.skipped.push_back({"link", "link to a folder: not entered"});
  return report;
}

}  // namespace

TEST_CASE("the report has every key with its type", "[report]") {
  const Json out = parsed(mixed_report());
  for (const char* key :
       {"issues", "checks", "assets", "scanner_names", "errors", "files", "suppressed", "unknown_files", "skipped"}) {
    INFO(key);
    CHECK(out.at(key).is_array());
  }
  for (const char* key :
       {"bytes_scanned", "files_scanned", "total_checks", "passed_checks", "failed_checks", "schema_version"}) {
    INFO(key);
    CHECK(out.at(key).is_number_unsigned());
  }
  for (const char* key : {"has_errors", "success", "complete", "interrupted"}) {
    INFO(key);
    CHECK(out.at(key).is_boolean());
  }
  for (const char* key : {"start_time", "duration"}) {
    INFO(key);
    CHECK(out.at(key).is_number_float());
  }
  CHECK(out.at("file_metadata").is_object());
  CHECK(out.at("tool").at("name") == "modelaudit");
  CHECK(out.at("tool").at("version") == std::string(library_version()));
  CHECK(out.at("tool").at("ruleset_digest").get<std::string>().size() == 16);
  CHECK(out.at("cache") == Json({{"hits", 0},
                                 {"hits_stat", 0},
                                 {"hits_trace", 0},
                                 {"misses", 3},
                                 {"bypassed", 0},
                                 {"hit_rate", 0.0},
                                 {"bytes_hashed", 0},
                                 {"time_saved_ms", 0.0}}));
}

TEST_CASE("an issue has the keys of the Python tool and ours beside them", "[report]") {
  const Json out = parsed(mixed_report());
  REQUIRE(out.at("issues").size() == 1);
  const Json& issue = out["issues"][0];
  CHECK(issue.at("message") == "The link points elsewhere");
  CHECK(issue.at("severity") == "critical");
  CHECK(issue.at("location") == "dir/model.pt:archive/data.pkl (pos 42)");
  CHECK(issue.at("details") == Json({{"module", "posix"}, {"name", "system"}}));
  CHECK(issue.at("why") == std::string(find_rule("folder-link-escape")->why));
  CHECK(issue.at("timestamp").is_number_float());
  CHECK(issue.at("type") == "folder_check");
  CHECK(issue.at("rule_code") == "S406");
  CHECK(issue.at("rule") == "folder-link-escape");
  CHECK(issue.at("fingerprint").get<std::string>().size() == 32);
  CHECK(issue.at("where") == Json({{"path", "dir/model.pt"}, {"member_path", {"archive/data.pkl"}}, {"offset", 42}}));
}

TEST_CASE("suppressed findings stay in the report, apart from the issues", "[report]") {
  const Json out = parsed(mixed_report());
  REQUIRE(out.at("suppressed").size() == 1);
  CHECK(out["suppressed"][0].at("suppressed") == Json({{"by", "suppress: S406"}}));
  CHECK(out["suppressed"][0].at("rule_code") == "S406");
}

TEST_CASE("verdict, completeness and success follow the report", "[report]") {
  const Json mixed = parsed(mixed_report());
  CHECK(mixed.at("verdict") == "malicious");
  CHECK(mixed.at("complete") == false);
  CHECK(mixed.at("success") == false);
  CHECK(mixed.at("has_errors") == true);
  CHECK(mixed.at("errors")[0] == Json({{"path", "gone"}, {"code", "not_found"}, {"message", "there is no such file"}}));

  const Json clean = parsed(report_of({sample_file("a")}));
  CHECK(clean.at("verdict") == "clean");
  CHECK(clean.at("success") == true);
  CHECK(clean.at("has_errors") == false);

  const Json found = parsed(report_of({sample_file("a", {sample_finding(Severity::critical)})}));
  CHECK(found.at("success") == true);  // findings alone do not make it false

  CHECK(parsed(ScanReport()).at("success") == false);
  CHECK(parsed(ScanReport()).at("verdict") == "inconclusive");
}

TEST_CASE("each file has its verdict and its coverage", "[report]") {
  const Json out = parsed(mixed_report());
  REQUIRE(out.at("files").size() == 3);
  const Json& cut = out["files"][2];
  CHECK(cut.at("path") == "cut.pt");
  CHECK(cut.at("verdict") == "inconclusive");
  CHECK(cut.at("format") == "pytorch-zip");
  CHECK(cut.at("cache") == "miss");
  CHECK(cut.at("coverage").at("size") == 2048);
  CHECK(cut.at("coverage").at("gaps")[0].at("kind") == "truncated");
  CHECK(out.at("files_scanned") == 3);
  CHECK(out.at("bytes_scanned") == 3 * 2048);
  CHECK(out.at("assets").size() == 3);
  CHECK(out.at("assets")[0].at("type") == "pytorch-zip");
  CHECK(out.at("assets")[0].at("contents")[0].at("type") == "pickle");
  CHECK(out.at("scanner_names") == Json({"pickle", "pytorch-zip"}));
  CHECK(out.at("unknown_files") == Json({"notes.txt"}));
}

TEST_CASE("file metadata marks what is incomplete as the Python tool does", "[report]") {
  const Json out = parsed(mixed_report());
  const Json& cut = out.at("file_metadata").at("cut.pt");
  CHECK(cut.at("file_size") == 2048);
  CHECK(cut.at("analysis_incomplete") == true);
  CHECK(cut.at("scan_outcome") == "inconclusive");
  CHECK(cut.at("pickle.opcode_count") == "12");
  CHECK_FALSE(out.at("file_metadata").at("ok.pt").contains("analysis_incomplete"));
}

TEST_CASE("checks count what passed and what failed", "[report]") {
  const Json out = parsed(mixed_report());
  CHECK(out.at("passed_checks") == 2);  // the two scanners on ok.pt
  CHECK(out.at("failed_checks") == 2);  // the finding, the gap
  CHECK(out.at("total_checks") == 4);
  CHECK(out.at("skipped_checks") == 1);
  CHECK(out.at("checks").size() == 5);
  for (const Json& check : out["checks"]) {
    for (const char* key : {"name", "status", "message", "location", "details", "timestamp"})
      CHECK(check.contains(key));
  }
}

TEST_CASE("debug findings need --verbose", "[report]") {
  const ScanReport report = report_of({sample_file("a", {sample_finding(Severity::debug)})});
  CHECK(parsed(report).at("issues").empty());
  ReportOptions verbose;
  verbose.verbose = true;
  CHECK(parsed(report, verbose).at("issues").size() == 1);
}

TEST_CASE("a deterministic report is the same whatever the clock and the cache say", "[report]") {
  ScanReport first = mixed_report();
  ScanReport second = first;
  second.duration_us = 1;
  for (ScanResult& file : second.files) {
    file.duration_us = 77;
    file.cache = CacheUse::trace_hit;
  }
  ReportOptions options;
  options.deterministic = true;
  CHECK(render_json(first, options) == render_json(second, options));
  CHECK(render_json(first) != render_json(second));
  CHECK(parsed(first, options).at("start_time") == 0.0);  // the key stays for scripts
}

TEST_CASE("the same finding keeps its fingerprint in another folder, another finding has another", "[report]") {
  const auto fingerprint = [](Finding finding) {
    return parsed(report_of({sample_file("a", {std::move(finding)})}))["issues"][0]["fingerprint"].get<std::string>();
  };
  const Finding finding = sample_finding(Severity::critical);
  Finding moved = finding;
  moved.where.path = "elsewhere/model.pt";
  CHECK(fingerprint(finding) == fingerprint(moved));
  Finding renamed = finding;
  renamed.where.path = "dir/other.pt";
  CHECK(fingerprint(finding) != fingerprint(renamed));
  Finding later = finding;
  later.where.offset = 43;
  CHECK(fingerprint(finding) != fingerprint(later));
  Finding shifted = finding;
  shifted.details = {{"module", "posixname"}, {"", "system"}};
  CHECK(fingerprint(finding) != fingerprint(shifted));
}

TEST_CASE("repeated evidence becomes a list", "[report]") {
  Finding finding = sample_finding(Severity::critical);
  finding.details = {{"name", "a"}, {"name", "b"}, {"name", "c"}};
  CHECK(parsed(report_of({sample_file("a", {finding})}))["issues"][0]["details"] == Json({{"name", {"a", "b", "c"}}}));
}

TEST_CASE("hostile bytes anywhere give valid JSON of plain characters", "[report]") {
  const std::string hostile = std::string("x\x1b[2J\xff\xe2\x80\xae\0\x7f", 12) + "\xc2\x9b";
  Finding finding = sample_finding(Severity::critical, hostile);
  finding.where.path = hostile;
  finding.where.members = {hostile};
  finding.details = {{hostile, hostile}};
  finding.rule = hostile;
  finding.uncleared = {hostile};
  ScanResult file = sample_file(hostile, {finding});
  file.metadata = {{hostile, hostile}};
  file.scanners = {hostile};
  file.assets = {{{}, hostile, 1}, {{hostile}, hostile, 1}};
  file.coverage.gaps.push_back({GapKind::corrupt, hostile, finding.where});
  ScanReport report = report_of({file});
  report.errors.push_back({hostile, Errc::io_error, hostile});
  report.unknown.push_back(hostile);
  report.skipped.push_back({hostile, hostile});
  const std::string text = render_json(report);
  for (const char c : text) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
  const Json out = Json::parse(text);
  CHECK(out.at("files")[0].at("path").get<std::string>() ==
        std::string("x\x1b[2J\\xff\xe2\x80\xae\0\x7f", 15) + "\xc2\x9b");
}
