#include <catch2/catch.hpp>

#include "modelaudit/report.hpp"
#include "report/sample.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

const TargetError k_missing{"nope", Errc::not_found, "there is no such file"};

}  // namespace

TEST_CASE("clean files are status 0, also with notes", "[report]") {
  CHECK(exit_status(report_of({sample_file("a")})) == 0);
  CHECK(exit_status(report_of({sample_file("a", {sample_finding(Severity::info), sample_finding(Severity::debug)})})) ==
        0);
}

TEST_CASE("a warning or critical is status 1", "[report]") {
  CHECK(exit_status(report_of({sample_file("a", {sample_finding(Severity::warning)})})) == 1);
  CHECK(exit_status(report_of({sample_file("a"), sample_file("b", {sample_finding(Severity::critical)})})) == 1);
}

TEST_CASE("a finding about a folder is status 1 too", "[report]") {
  ScanReport report = report_of({sample_file("a")});
  report.findings.push_back(sample_finding(Severity::warning));
  CHECK(exit_status(report) == 1);
}

TEST_CASE("what could not be examined is status 2", "[report]") {
  CHECK(exit_status(report_of({sample_file("a"), incomplete_file("b")})) == 2);
  ScanReport report = report_of({sample_file("a")});
  report.errors.push_back(k_missing);
  CHECK(exit_status(report) == 2);
}

TEST_CASE("no file at all is status 2", "[report]") {
  CHECK(exit_status(ScanReport()) == 2);
  ScanReport report;
  report.unknown.push_back("notes.txt");
  CHECK(exit_status(report) == 2);
}

TEST_CASE("findings win over errors and gaps", "[report]") {
  ScanReport report = report_of({incomplete_file("a"), sample_file("b", {sample_finding(Severity::warning)})});
  report.errors.push_back(k_missing);
  CHECK(exit_status(report) == 1);
}

TEST_CASE("interruption wins over everything", "[report]") {
  ScanReport report = report_of({sample_file("b", {sample_finding(Severity::critical)})});
  report.interrupted = true;
  CHECK(exit_status(report) == 130);
}

TEST_CASE("suppressed findings do not count, unknown and skipped files change nothing", "[report]") {
  Finding finding = sample_finding(Severity::critical);
  finding.suppressed_by = "suppress: S406";
  ScanReport report = report_of({sample_file("a", {finding})});
  report.unknown.push_back("notes.txt");
  report.skipped.push_back({"link", "link to a folder: not entered"});
  CHECK(exit_status(report) == 0);
}
