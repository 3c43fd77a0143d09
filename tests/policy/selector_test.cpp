#include "policy/selector.hpp"

#include <catch2/catch.hpp>

using namespace modelaudit;
using policy::NamePattern;
using policy::parse_severity;
using policy::Selector;

namespace {

const Rule k_coded{"some-rule", "name", Severity::warning, "", "", "", "S207"};
const Rule k_plain{"other-rule", "name", Severity::warning, "", "", "", ""};

}  // namespace

TEST_CASE("a rule id selects exactly that rule, in any case", "[policy]") {
  const auto selector = Selector::parse("Folder-LINK-escape");
  REQUIRE(selector);
  CHECK(selector->matches("folder-link-escape", find_rule("folder-link-escape")));
  CHECK_FALSE(selector->matches("some-rule", &k_coded));
}

TEST_CASE("a code selects every rule that carries it and no other", "[policy]") {
  const auto selector = Selector::parse("s207");
  REQUIRE(selector);
  CHECK(selector->matches("some-rule", &k_coded));
  CHECK_FALSE(selector->matches("other-rule", &k_plain));
  CHECK_FALSE(selector->matches("a-host-rule", nullptr));
}

TEST_CASE("a range of codes includes both its ends", "[policy]") {
  CHECK(Selector::parse("S207-S210")->matches("some-rule", &k_coded));
  CHECK(Selector::parse("S201-S207")->matches("some-rule", &k_coded));
  CHECK_FALSE(Selector::parse("S201-S206")->matches("some-rule", &k_coded));
  CHECK_FALSE(Selector::parse("S208-S299")->matches("some-rule", &k_coded));
}

TEST_CASE("codes of the shared catalogue are known although no rule of ours carries them", "[policy]") {
  for (const char* word : {"S101", "S999", "S1111", "S601"}) CHECK(Selector::parse(word));
}

TEST_CASE("words that select nothing are refused", "[policy]") {
  for (const char* word : {"", "S", "S0", "S111", "S299", "S2000", "S4294967297", "S210-S201", "S215-S299", "S201-",
                           "-S201", "S201-S", "S201 ", "S20x", "no-such-rule", "*", "ALL"}) {
    INFO(word);
    CHECK_FALSE(Selector::parse(word));
  }
}

TEST_CASE("severity words are those of the shared scale", "[policy]") {
  CHECK(parse_severity("CRITICAL") == Severity::critical);
  CHECK(parse_severity("high") == Severity::critical);
  CHECK(parse_severity("Medium") == Severity::warning);
  CHECK(parse_severity("warning") == Severity::warning);
  CHECK(parse_severity("LOW") == Severity::info);
  CHECK(parse_severity("info") == Severity::info);
  for (const char* word : {"", "none", "criticalx", "crit", "0", "informationinformation"})
    CHECK_FALSE(parse_severity(word));
}

TEST_CASE("a dotted name allows exactly itself", "[policy]") {
  const auto pattern = NamePattern::parse("my_pkg.layers.Attention");
  REQUIRE(pattern);
  CHECK(pattern->matches("my_pkg.layers.Attention"));
  CHECK_FALSE(pattern->matches("my_pkg.layers.Attention2"));
  CHECK_FALSE(pattern->matches("my_pkg.layers.Attention.forward"));
  CHECK_FALSE(pattern->matches("my_pkg.layers"));
}

TEST_CASE("a star allows what lies below and nothing beside", "[policy]") {
  const auto pattern = NamePattern::parse("my_pkg.*");
  REQUIRE(pattern);
  CHECK(pattern->matches("my_pkg.a"));
  CHECK(pattern->matches("my_pkg.a.b"));
  CHECK_FALSE(pattern->matches("my_pkg"));
  CHECK_FALSE(pattern->matches("my_pkg."));
  CHECK_FALSE(pattern->matches("my_pkg2.a"));
}

TEST_CASE("patterns that would allow too much or nothing are refused", "[policy]") {
  for (const char* word :
       {"", "*", ".*", ".", "a", "a.", ".a", "a..b", "a.*.b", "a*", "*.a", "a b.c", "a.b\n", "a.b\x7f"}) {
    INFO(word);
    CHECK_FALSE(NamePattern::parse(word));
  }
}
