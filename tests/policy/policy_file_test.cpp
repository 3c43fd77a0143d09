#include <catch2/catch.hpp>

#include "modelaudit/error.hpp"
#include "modelaudit/policy.hpp"

using namespace modelaudit;
using Catch::Contains;

TEST_CASE("a policy file gives its three parts", "[policy]") {
  const Policy policy = parse_policy(R"(
suppress = ["S901", "folder-link-escape"]
allow = ["my_pkg.layers.*"]

[severity]
S902 = "medium"
folder-link-escape = "HIGH"
)",
                                     "policy.toml");
  CHECK(policy.suppress == std::vector<std::string>{"S901", "folder-link-escape"});
  CHECK(policy.allow == std::vector<std::string>{"my_pkg.layers.*"});
  REQUIRE(policy.severity.size() == 2);
  CHECK(std::find(policy.severity.begin(), policy.severity.end(),
                  std::pair<std::string, std::string>{"S902", "medium"}) != policy.severity.end());
}

TEST_CASE("an empty policy file is an empty policy", "[policy]") {
  CHECK(parse_policy("", "p.toml").empty());
  CHECK(parse_policy("# nothing\n", "p.toml").empty());
}

TEST_CASE("a pyproject.toml is read below [tool.modelaudit] only", "[policy]") {
  const char* text = "suppress = 3\n[project]\nname = 'x'\n[tool.modelaudit]\nallow = ['a.b']\n";
  CHECK(parse_policy(text, "dir/pyproject.toml").allow == std::vector<std::string>{"a.b"});
  CHECK(parse_policy("[project]\nname = 'x'\n", "pyproject.toml").empty());
}

TEST_CASE("whatever is not understood is refused, with file and line", "[policy]") {
  CHECK_THROWS_WITH(parse_policy("\nsupress = []\n", "p.toml"), Contains("p.toml:2:") && Contains("'supress'"));
  CHECK_THROWS_WITH(parse_policy("suppress = 'S201'\n", "p.toml"), Contains("must be a list"));
  CHECK_THROWS_WITH(parse_policy("\n\nallow = ['a.b', 3]\n", "p.toml"), Contains("p.toml:3:"));
  CHECK_THROWS_WITH(parse_policy("severity = []\n", "p.toml"), Contains("must be a table"));
  CHECK_THROWS_WITH(parse_policy("[severity]\nS201 = 3\n", "p.toml"), Contains("p.toml:2:"));
  CHECK_THROWS_WITH(parse_policy("suppress = [\n", "p.toml"), Contains("not TOML"));
  CHECK_THROWS_WITH(parse_policy("suppress = ['S777']\n", "p.toml"), Contains("p.toml") && Contains("'S777'"));
}

TEST_CASE("hostile policy text ends in an Error", "[policy]") {
  CHECK_THROWS_AS(parse_policy("suppress = " + std::string(100000, '['), "p.toml"), Error);
  CHECK_THROWS_AS(parse_policy(std::string(2 << 20, '#'), "p.toml"), Error);
  CHECK_THROWS_AS(parse_policy(std::string("a = \"\xff\""), "p.toml"), Error);
  CHECK_THROWS_AS(parse_policy(std::string("\0\0", 2), "p.toml"), Error);
}
