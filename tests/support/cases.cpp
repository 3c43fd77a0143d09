#include "support/cases.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "support/hex.hpp"
#include "support/scan.hpp"

namespace modelaudit::test {
namespace {

void check_case(const std::filesystem::path& hex) {
  std::filesystem::path expected_path = hex;
  expected_path.replace_extension(".expected.json");
  INFO(hex.string());
  std::ifstream in(expected_path);
  REQUIRE(in);
  const nlohmann::json expected = nlohmann::json::parse(in);
  const std::vector<std::byte> text = read_file(hex);
  const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
  const ScanResult result = scan(from_hex(view), expected.value("name", hex.stem().string()));
  INFO(describe(result));
  CHECK(to_string(result.verdict()) == expected.at("verdict").get<std::string>());
  if (expected.contains("complete")) CHECK(result.complete() == expected["complete"].get<bool>());
  if (expected.contains("rules")) {
    const auto wanted = expected["rules"].get<std::set<std::string>>();
    std::set<std::string> grave;
    std::set<std::string> any;
    for (const Finding& finding : result.findings) {
      any.insert(finding.rule);
      if (finding.severity >= Severity::warning) grave.insert(finding.rule);
    }
    CHECK(std::includes(any.begin(), any.end(), wanted.begin(), wanted.end()));
    CHECK(std::includes(wanted.begin(), wanted.end(), grave.begin(), grave.end()));
  }
  if (expected.contains("gaps")) {
    std::vector<std::string> kinds;
    for (const Gap& gap : result.coverage.gaps) kinds.emplace_back(to_string(gap.kind));
    CHECK(kinds == expected["gaps"].get<std::vector<std::string>>());
  }
}

}  // namespace

void run_cases(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> cases;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".hex") cases.insert(entry.path());
  }
  REQUIRE(!cases.empty());
  for (const auto& hex : cases) check_case(hex);
}

}  // namespace modelaudit::test
