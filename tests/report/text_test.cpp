#include <catch2/catch.hpp>
#include <sstream>

#include "modelaudit/report.hpp"
#include "report/sample.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using Catch::Contains;

TEST_CASE("a finding says what, where, why and what to do", "[report]") {
  const Rule* rule = find_rule("folder-link-escape");
  REQUIRE(rule != nullptr);
  const std::string text = render_text(report_of({sample_file("dir/model.pt", {sample_finding(Severity::critical)})}));
  CHECK_THAT(text, Contains("dir/model.pt: MALICIOUS"));
  CHECK_THAT(text, Contains("CRITICAL  " + std::string(rule->name) + "  [folder-link-escape, S406]"));
  CHECK_THAT(text, Contains("What:  The link points elsewhere"));
  CHECK_THAT(text, Contains("Where: archive/data.pkl, byte 42"));
  CHECK_THAT(text, Contains("module: posix"));
  CHECK_THAT(text, Contains("Why:   " + std::string(rule->why.substr(0, 30))));
  CHECK_THAT(text, Contains("Do:    " + std::string(rule->advice.substr(0, 30))));
  CHECK_THAT(text, Contains("Verdict: MALICIOUS"));
}

TEST_CASE("every file has its verdict and the summary counts them", "[report]") {
  const std::string text = render_text(report_of(
      {sample_file("a.pt", {sample_finding(Severity::warning)}), sample_file("b.pt"), incomplete_file("c.pt")}));
  CHECK_THAT(text, Contains("a.pt: SUSPICIOUS"));
  CHECK_THAT(text, Contains("b.pt: CLEAN"));
  CHECK_THAT(text, Contains("c.pt: INCONCLUSIVE"));
  CHECK_THAT(text, Contains("NOT EXAMINED  data ends inside an integer (truncated; byte 12)"));
  CHECK_THAT(text, Contains("3 files, 6.0 KB in 4.0 ms: 1 suspicious, 1 inconclusive, 1 clean"));
  CHECK_THAT(text, Contains("Cache: 0 hits, 3 misses (0% hit rate)"));
}

TEST_CASE("findings of one rule share one explanation", "[report]") {
  std::vector<Finding> findings(12, sample_finding(Severity::critical));
  const std::string text = render_text(report_of({sample_file("a", findings)}));
  CHECK(text.find("Why:") == text.rfind("Why:"));
  CHECK_THAT(text, Contains("... and 7 more like this"));
  ReportOptions verbose;
  verbose.verbose = true;
  CHECK_THAT(render_text(report_of({sample_file("a", findings)}), verbose), !Contains("more like this"));
}

TEST_CASE("a rule is explained once a report, at its first file", "[report]") {
  const std::vector<Finding> findings{sample_finding(Severity::critical)};
  const std::string text = render_text(report_of({sample_file("a", findings), sample_file("b", findings)}));
  CHECK(text.find("Why:") == text.rfind("Why:"));
  CHECK(text.find("Why:") < text.find("b: MALICIOUS"));
}

TEST_CASE("notes are counted, and shown when asked for", "[report]") {
  const ScanReport report = report_of({sample_file("a", {sample_finding(Severity::info, "an ordinary fact")})});
  CHECK_THAT(render_text(report), Contains("1 note (--verbose shows them)") && !Contains("an ordinary fact"));
  ReportOptions verbose;
  verbose.verbose = true;
  CHECK_THAT(render_text(report, verbose),
             Contains("INFO") && Contains("an ordinary fact") && Contains("Coverage: 2.0 KB of 2.0 KB"));
}

TEST_CASE("suppressed findings are counted, and shown when asked for", "[report]") {
  Finding finding = sample_finding(Severity::critical);
  finding.suppressed_by = "suppress: S406";
  const ScanReport report = report_of({sample_file("a", {finding})});
  CHECK_THAT(render_text(report), Contains("1 finding suppressed") && Contains("Verdict: CLEAN"));
  ReportOptions verbose;
  verbose.verbose = true;
  CHECK_THAT(render_text(report, verbose), Contains("SUPPRESSED") && Contains("By:    suppress: S406"));
}

TEST_CASE("a quiet report of clean files is empty", "[report]") {
  ReportOptions quiet;
  quiet.quiet = true;
  CHECK(render_text(report_of({sample_file("a")}), quiet).empty());
  CHECK_THAT(render_text(report_of({incomplete_file("a")}), quiet), Contains("NOT EXAMINED"));
  CHECK_THAT(render_text(report_of({sample_file("a", {sample_finding(Severity::warning)})}), quiet),
             Contains("WARNING") && !Contains("Verdict:"));
}

TEST_CASE("errors are one line each and name their path once", "[report]") {
  ScanReport report = report_of({sample_file("a")});
  report.errors.push_back({"gone.pt", Errc::not_found, "there is no such file; check the spelling"});
  report.errors.push_back({"pipe", Errc::unsupported, "pipe is a pipe"});
  const std::string text = render_text(report);
  CHECK_THAT(text, Contains("NOT SCANNED  gone.pt: there is no such file; check the spelling\n"));
  CHECK_THAT(text, Contains("NOT SCANNED  pipe is a pipe\n"));
}

TEST_CASE("unknown files are listed and an interruption is said", "[report]") {
  ScanReport report = report_of({sample_file("a")});
  report.unknown = {"dir/readme.txt"};
  report.interrupted = true;
  CHECK_THAT(render_text(report),
             Contains("1 file of no known model format") && Contains("dir/readme.txt") && Contains("Interrupted"));
}

TEST_CASE("a hundred clean files are one line", "[report]") {
  std::vector<ScanResult> files;
  for (int i = 0; i < 100; ++i) files.push_back(sample_file("f" + std::to_string(i)));
  const std::string text = render_text(report_of(files));
  CHECK_THAT(text, Contains("100 files clean (--verbose lists them)") && !Contains("f57"));
}

TEST_CASE("nothing untrusted reaches the terminal raw", "[report]") {
  const std::string hostile = "x\x1b[2J\r\n\xe2\x80\xae\x07";
  Finding finding = sample_finding(Severity::critical, hostile);
  finding.where.members = {hostile};
  finding.details = {{hostile, hostile}};
  finding.uncleared = {hostile};
  finding.rule = hostile;
  ScanResult file = sample_file(hostile, {finding});
  file.metadata = {{hostile, hostile}};
  file.scanners = {hostile};
  file.coverage.gaps.push_back({GapKind::corrupt, hostile, finding.where});
  Finding suppressed = finding;
  suppressed.suppressed_by = hostile;
  file.findings.push_back(suppressed);
  ScanReport report = report_of({file, sample_file(hostile)});
  report.errors.push_back({hostile, Errc::io_error, hostile});
  report.unknown.push_back(hostile);
  report.skipped.push_back({hostile, hostile});
  Finding folder = finding;
  folder.where.path = hostile;
  report.findings.push_back(folder);
  for (const bool verbose : {false, true}) {
    ReportOptions options;
    options.verbose = verbose;
    for (const char c : render_text(report, options)) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
  }
}

TEST_CASE("long values are cut and say how long they are", "[report]") {
  Finding finding = sample_finding(Severity::critical);
  finding.details = {{"code", std::string(5000, 'A')}};
  const std::string text = render_text(report_of({sample_file("a", {finding})}));
  CHECK(text.size() < 2000);
  CHECK_THAT(text, Contains("AAA...") && Contains("(4.9 KB)"));
}

TEST_CASE("text is wrapped at the width", "[report]") {
  Finding finding =
      sample_finding(Severity::critical, "word word word word word word word word word word word word word word word");
  ReportOptions narrow;
  narrow.width = 50;
  std::istringstream lines(render_text(report_of({sample_file("a", {finding})}), narrow));
  bool seen = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("word") == std::string::npos) continue;
    seen = true;
    CHECK(line.size() <= 50);
  }
  CHECK(seen);
}

TEST_CASE("colour only when asked", "[report]") {
  const ScanReport report = report_of({sample_file("a", {sample_finding(Severity::critical)})});
  CHECK(render_text(report).find('\x1b') == std::string::npos);
  ReportOptions colour;
  colour.colour = true;
  CHECK_THAT(render_text(report, colour), Contains("\x1b[1;31mMALICIOUS\x1b[0m"));
}

TEST_CASE("a deterministic text has no clocks and no cache", "[report]") {
  ScanReport first = report_of({sample_file("a")});
  ScanReport second = first;
  second.duration_us = 99'000;
  second.files[0].duration_us = 1;
  second.files[0].cache = CacheUse::identity_hit;
  ReportOptions options;
  options.deterministic = true;
  for (const bool verbose : {false, true}) {
    options.verbose = verbose;
    CHECK(render_text(first, options) == render_text(second, options));
  }
  CHECK(render_text(first) != render_text(second));
}
