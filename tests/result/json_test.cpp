#include <catch2/catch.hpp>
#include <limits>

#include "modelaudit/scan_result.hpp"

using namespace modelaudit;

namespace {

/// Every field set, with bytes that JSON cannot hold as they are.
ScanResult full_result() {
  ScanResult result;
  result.path = std::string("dir/\xff\xfe name\n\0.pkl", 17);
  Finding finding;
  finding.rule = "pickle-call";
  finding.severity = Severity::critical;
  finding.message = "calls \"os.system\" \xe2\x80\xae\x1b[31m";
  finding.where.path = result.path;
  finding.where.members = {"archive/data.pkl", "", "\x80"};
  finding.where.offset = std::numeric_limits<std::uint64_t>::max();
  finding.where.length = 0;
  finding.where.line = 7;
  finding.details = {{"module", "os"}, {"module", "again"}, {"\xc3", std::string("\0", 1)}};
  finding.uncleared = {"a.b", "\xed\xa0\x80.x"};
  finding.severity_if_allowed = Severity::debug;
  finding.suppressed_by = "suppress: S201";
  result.findings = {finding, Finding{}};
  result.coverage.size = std::numeric_limits<std::uint64_t>::max();
  result.coverage.interpreted = 3;
  result.coverage.declared = std::uint64_t{1} << 63;
  Location place;
  place.offset = 0;
  result.coverage.gaps = {{GapKind::truncated, "ends \xf0\x9f\x98\x80", place}, {GapKind::empty, "", {}}};
  result.assets = {{{}, "pickle", 12}, {{"a", "b"}, "unknown", 0}};
  result.assets_omitted = 9;
  result.scanners = {"pickle", "zip"};
  result.metadata = {{"pickle.opcodes", "12"}};
  result.deterministic = false;
  result.duration_us = 1234;
  result.cache = CacheUse::trace_hit;
  return result;
}

}  // namespace

TEST_CASE("a result survives the way through JSON without loss", "[result]") {
  const ScanResult before = full_result();
  const auto after = ScanResult::from_json(before.to_json());
  REQUIRE(after);
  CHECK(*after == before);
  CHECK(after->duration_us == before.duration_us);
  CHECK(after->cache == before.cache);
  CHECK(after->to_json() == before.to_json());
}

TEST_CASE("the empty result survives too", "[result]") {
  const auto after = ScanResult::from_json(ScanResult().to_json());
  REQUIRE(after);
  CHECK(*after == ScanResult());
}

TEST_CASE("every single byte value survives in a name", "[result]") {
  for (int byte = 0; byte < 256; ++byte) {
    ScanResult before;
    before.path = std::string("x") + static_cast<char>(byte) + "y";
    const auto after = ScanResult::from_json(before.to_json());
    REQUIRE(after);
    REQUIRE(after->path == before.path);
  }
}

TEST_CASE("every enumerator survives", "[result]") {
  ScanResult before;
  for (int kind = static_cast<int>(GapKind::truncated); kind <= static_cast<int>(GapKind::missing); ++kind) {
    before.coverage.gaps.push_back({static_cast<GapKind>(kind), "", {}});
  }
  for (const Severity severity : {Severity::debug, Severity::info, Severity::warning, Severity::critical}) {
    before.findings.emplace_back();
    before.findings.back().severity = severity;
  }
  const auto after = ScanResult::from_json(before.to_json());
  REQUIRE(after);
  CHECK(*after == before);
}

TEST_CASE("JSON of a result cut at any byte is refused", "[result]") {
  const std::string whole = full_result().to_json();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    REQUIRE_FALSE(ScanResult::from_json(std::string_view(whole).substr(0, length)));
  }
}

TEST_CASE("JSON of a result with any byte flipped never escapes as an exception", "[result]") {
  const std::string whole = full_result().to_json();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    if (!ScanResult::from_json(changed)) ++refused;
  }
  CHECK(refused > whole.size() / 4);  // keys, words and structure; a changed letter of a message is another message
}

TEST_CASE("text that is something else is refused", "[result]") {
  for (const char* text : {"", "null", "[]", "{}", "3", "{\"schema\":1}", "\"x\"", "nonsense"}) {
    INFO(text);
    CHECK_FALSE(ScanResult::from_json(text));
  }
}

TEST_CASE("keys that are unknown, repeated or missing are refused", "[result]") {
  const std::string whole = ScanResult().to_json();
  const std::string inside = whole.substr(1);
  CHECK_FALSE(ScanResult::from_json("{\"more\":1," + inside));
  CHECK_FALSE(ScanResult::from_json(whole + " {}"));
  std::string renamed = whole;
  renamed.replace(renamed.find("\"scanners\""), 10, "\"scannerz\"");
  CHECK_FALSE(ScanResult::from_json(renamed));
}

TEST_CASE("numbers outside of their range are refused", "[result]") {
  const auto with_omitted = [](const std::string& number) {
    std::string text = ScanResult().to_json();
    const std::string key = "\"assets_omitted\":";
    text.replace(text.find(key), key.size() + 1, key + number);
    return text;
  };
  CHECK(ScanResult::from_json(with_omitted("18446744073709551615")));
  for (const char* number : {"18446744073709551616", "-1", "1.5", "1e3", "true", "null", "\"1\""}) {
    INFO(number);
    CHECK_FALSE(ScanResult::from_json(with_omitted(number)));
  }
}

TEST_CASE("a verdict that contradicts the findings is refused", "[result]") {
  std::string text = full_result().to_json();
  const auto at = text.find("\"verdict\":\"suspicious\"");
  REQUIRE(at != std::string::npos);
  text.replace(at, 22, "\"verdict\":\"clean\"");
  CHECK_FALSE(ScanResult::from_json(text));
}

TEST_CASE("nesting and repetition without end are refused before they cost memory", "[result]") {
  CHECK_FALSE(ScanResult::from_json(std::string(1 << 20, '[')));
  std::string nested = "{\"a\":";
  for (int i = 0; i < 16; ++i) nested += nested;
  CHECK_FALSE(ScanResult::from_json(nested));
  std::string many = "[0";
  for (int i = 0; i < 3'000'000; ++i) many += ",0";
  CHECK_FALSE(ScanResult::from_json(many + "]"));
  CHECK_FALSE(ScanResult::from_json("\"\\"));
}
