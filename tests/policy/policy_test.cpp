#include "modelaudit/policy.hpp"

#include <catch2/catch.hpp>

#include "modelaudit/error.hpp"

using namespace modelaudit;

namespace {

Finding finding(const std::string& rule, Severity severity) {
  Finding out;
  out.rule = rule;
  out.severity = severity;
  out.message = "seen";
  return out;
}

ScanResult result_with(Finding one) {
  ScanResult result;
  result.path = "a.pkl";
  result.findings.push_back(std::move(one));
  return result;
}

Finding resting_on(std::vector<std::string> names, std::optional<Severity> left) {
  Finding out = finding("pickle-unknown", Severity::warning);
  out.uncleared = std::move(names);
  out.severity_if_allowed = left;
  return out;
}

}  // namespace

TEST_CASE("a suppressed finding stays in the result, says by what, and no longer counts", "[policy]") {
  ScanResult result = result_with(finding("folder-link-escape", Severity::critical));
  apply(Policy{{"S406"}, {}, {}}, result);
  REQUIRE(result.findings.size() == 1);
  CHECK(result.findings[0].suppressed_by == "suppress: S406");
  CHECK(result.findings[0].severity == Severity::critical);
  CHECK(result.verdict() == Verdict::clean);
}

TEST_CASE("suppression by range or id leaves other rules alone", "[policy]") {
  ScanResult result = result_with(finding("folder-link-escape", Severity::warning));
  result.findings.push_back(finding("host-own-rule", Severity::warning));
  apply(Policy{{"S400-S499"}, {}, {}}, result);
  CHECK_FALSE(result.findings[0].suppressed_by.empty());
  CHECK(result.findings[1].suppressed_by.empty());
  CHECK(result.verdict() == Verdict::suspicious);
}

TEST_CASE("the last severity that matches counts", "[policy]") {
  ScanResult result = result_with(finding("folder-link-escape", Severity::info));
  apply(Policy{{}, {{"S406", "critical"}, {"folder-link-escape", "medium"}}, {}}, result);
  CHECK(result.findings[0].severity == Severity::warning);
}

TEST_CASE("a finding goes only when every name it rests on is allowed", "[policy]") {
  ScanResult result = result_with(resting_on({"a.One", "b.Two"}, std::nullopt));
  apply(Policy{{}, {}, {"a.*"}}, result);
  CHECK(result.findings[0].uncleared == std::vector<std::string>{"b.Two"});
  CHECK(result.findings[0].suppressed_by.empty());
  CHECK(result.verdict() == Verdict::suspicious);

  apply(Policy{{}, {}, {"b.Two"}}, result);
  CHECK(result.findings[0].uncleared.empty());
  CHECK(result.findings[0].suppressed_by == "allowed: b.Two");
  CHECK(result.verdict() == Verdict::clean);
}

TEST_CASE("allowed names lower a finding to what is left, never raise it", "[policy]") {
  ScanResult lowered = result_with(resting_on({"a.One"}, Severity::info));
  apply(Policy{{}, {}, {"a.One"}}, lowered);
  CHECK(lowered.findings[0].severity == Severity::info);
  CHECK(lowered.findings[0].suppressed_by.empty());

  ScanResult kept = result_with(resting_on({"a.One"}, Severity::critical));
  apply(Policy{{}, {}, {"a.One"}}, kept);
  CHECK(kept.findings[0].severity == Severity::warning);
}

TEST_CASE("allowing names does not touch findings that rest on none", "[policy]") {
  ScanResult result = result_with(finding("pickle-call", Severity::critical));
  apply(Policy{{}, {}, {"os.*", "posix.*"}}, result);
  CHECK(result.findings[0].suppressed_by.empty());
  CHECK(result.verdict() == Verdict::malicious);
}

TEST_CASE("a severity set by hand holds for what allowed names lowered", "[policy]") {
  Finding one = resting_on({"a.One"}, Severity::info);
  one.rule = "folder-link-escape";
  ScanResult result = result_with(std::move(one));
  apply(Policy{{}, {{"S406", "high"}}, {"a.One"}}, result);
  CHECK(result.findings[0].severity == Severity::critical);
}

TEST_CASE("the mark of a finding that rested on many names is short", "[policy]") {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("pkg.C" + std::to_string(i));
  ScanResult result = result_with(resting_on(names, std::nullopt));
  apply(Policy{{}, {}, {"pkg.*"}}, result);
  CHECK(result.findings[0].suppressed_by.ends_with("and 92 more"));
  CHECK(result.findings[0].suppressed_by.size() < 200);
}

TEST_CASE("gaps are facts that no policy removes", "[policy]") {
  ScanResult result = result_with(finding("folder-link-escape", Severity::warning));
  result.coverage.gaps.push_back({GapKind::truncated, "ends early", {}});
  apply(Policy{{"S100-S1111"}, {}, {}}, result);
  CHECK(result.verdict() == Verdict::inconclusive);
}

TEST_CASE("findings about a folder obey the same policy", "[policy]") {
  std::vector<Finding> findings{finding("folder-link-escape", Severity::warning)};
  apply_to_findings(Policy{{"folder-link-escape"}, {}, {}}, findings);
  CHECK(findings[0].suppressed_by == "suppress: folder-link-escape");
}

TEST_CASE("validate() names the word it does not know", "[policy]") {
  CHECK_NOTHROW(validate(Policy{{"S201", "S200-S299"}, {{"S201", "LOW"}}, {"a.b", "a.*"}}));
  CHECK_THROWS_WITH(validate(Policy{{"S201", "S777"}, {}, {}}), Catch::Contains("'S777'"));
  CHECK_THROWS_WITH(validate(Policy{{}, {{"S201", "loud"}}, {}}), Catch::Contains("'loud'"));
  CHECK_THROWS_WITH(validate(Policy{{}, {{"nothing", "low"}}, {}}), Catch::Contains("'nothing'"));
  CHECK_THROWS_WITH(validate(Policy{{}, {}, {"*"}}), Catch::Contains("'*'"));
  CHECK_THROWS_AS(validate(Policy{{}, {}, {""}}), Error);
}
