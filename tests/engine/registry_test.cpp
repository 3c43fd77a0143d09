#include <catch2/catch.hpp>
#include <set>

#include "engine/toy_scanner.hpp"
#include "modelaudit/error.hpp"
#include "modelaudit/rule.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {
std::shared_ptr<ToyScanner> named(std::string id) {
  return std::make_shared<ToyScanner>(std::move(id), starts_with("T"), [](ScanContext&) {});
}
}  // namespace

TEST_CASE("scanners are kept sorted and their ids are unique", "[registry]") {
  ScannerRegistry registry;
  registry.add(named("b"));
  registry.add(named("a"));
  REQUIRE(registry.all().size() == 2);
  CHECK(registry.all()[0]->info().id == "a");
  CHECK_THROWS_AS(registry.add(named("a")), Error);
  CHECK_THROWS_AS(registry.add(named("Not Kebab")), Error);
  CHECK_THROWS_AS(registry.add(nullptr), Error);
}

TEST_CASE("select() keeps, drops and names what is unknown", "[registry]") {
  ScannerRegistry registry;
  for (const char* id : {"a", "b", "c"}) registry.add(named(id));
  CHECK_THROWS_WITH(registry.select({"x"}, {}), Catch::Contains("'x'") && Catch::Contains("a, b, c"));
  registry.select({"a", "b"}, {"b"});
  REQUIRE(registry.all().size() == 1);
  CHECK(registry.find("a") != nullptr);
  CHECK(registry.find("b") == nullptr);
}

TEST_CASE("built-in scanners describe themselves and can be found", "[registry]") {
  const ScannerRegistry registry = ScannerRegistry::builtin();
  REQUIRE(!registry.all().empty());
  for (const auto& scanner : registry.all()) {
    CHECK(!scanner->info().description.empty());
    CHECK(registry.find(scanner->info().id) == scanner.get());
  }
}

TEST_CASE("the rule catalogue is sorted, complete and found by id and code", "[rules]") {
  const auto all = builtin_rules();
  REQUIRE(!all.empty());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Rule& rule = *all[i];
    INFO(rule.id);
    if (i > 0) CHECK(all[i - 1]->id < rule.id);
    CHECK(find_rule(rule.id) == &rule);
    CHECK((rule.code.empty() || find_rule(rule.code) != nullptr));
    CHECK(rule.why.size() > 20);
  }
  CHECK(find_rule("no-such-rule") == nullptr);
  CHECK(find_rule("") == nullptr);
}
