#include "result/binary.hpp"

#include <catch2/catch.hpp>

#include "cache/support.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

std::vector<std::byte> rich_bytes() { return *result::to_binary(rich_result("models/a.pkl"), rich_trace()); }

}  // namespace

TEST_CASE("the binary form loses nothing", "[binary]") {
  const auto bytes = rich_bytes();
  const auto entry = result::from_binary(ByteView(std::span(bytes)));
  REQUIRE(entry);
  CHECK(same_in_all(entry->result, rich_result("models/a.pkl")));
  CHECK(entry->trace == rich_trace());
}

TEST_CASE("an empty result survives the binary form", "[binary]") {
  const auto bytes = *result::to_binary(ScanResult{}, Trace{});
  const auto entry = result::from_binary(ByteView(std::span(bytes)));
  REQUIRE(entry);
  CHECK(same_in_all(entry->result, ScanResult{}));
  CHECK(entry->trace == Trace{});
}

TEST_CASE("a result is about another path when it is read for one", "[binary]") {
  const auto bytes = rich_bytes();
  const auto entry = result::from_binary(ByteView(std::span(bytes)), "b.pkl");
  REQUIRE(entry);
  CHECK(entry->result.path == "b.pkl");
  CHECK(entry->result.findings.at(0).where.path == "b.pkl");
  CHECK(entry->result.findings.at(1).where.path == "elsewhere/models/a.pkl");
  CHECK(entry->result.coverage.gaps.at(0).where.path == "b.pkl");
}

TEST_CASE("ScanResult goes through its public binary form", "[binary]") {
  const ScanResult result = rich_result("a");
  const auto back = ScanResult::from_binary(result.to_binary());
  REQUIRE(back);
  CHECK(same_in_all(*back, result));
  CHECK_FALSE(ScanResult::from_binary({}));
}

TEST_CASE("a binary form that ends early anywhere is refused", "[binary]") {
  const auto bytes = rich_bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    INFO(length);
    CHECK_FALSE(result::from_binary(ByteView(std::span(bytes).first(length))));
  }
}

TEST_CASE("a binary form with bytes behind its end is refused", "[binary]") {
  auto bytes = rich_bytes();
  bytes.push_back(std::byte{0});
  CHECK_FALSE(result::from_binary(ByteView(std::span(bytes))));
}

TEST_CASE("what a changed byte lets through is a whole result again", "[binary]") {
  const auto bytes = rich_bytes();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const auto flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
      auto changed = bytes;
      changed[at] ^= flip;
      const auto entry = result::from_binary(ByteView(std::span(changed)));
      if (!entry) {
        ++refused;
        continue;
      }
      INFO(at);
      const auto again = result::to_binary(entry->result, entry->trace);
      REQUIRE(again);
      const auto third = result::from_binary(ByteView(std::span(*again)));
      REQUIRE(third);
      CHECK(same_in_all(third->result, entry->result));
    }
  }
  CHECK(refused > 100);  // every length, count, flag and enumerator
}

TEST_CASE("a count of 2^31 or 2^32 - 1 anywhere costs no memory", "[binary]") {
  // Under the sanitizers an allocation of such a size would end the test.
  const auto bytes = rich_bytes();
  std::size_t refused = 0;
  for (std::size_t at = 0; at + 4 <= bytes.size(); ++at) {
    for (const auto high : {std::byte{0x7f}, std::byte{0x80}, std::byte{0xff}}) {
      auto changed = bytes;
      for (std::size_t i = 0; i < 3; ++i) changed[at + i] = std::byte{0xff};
      changed[at + 3] = high;
      const auto entry = result::from_binary(ByteView(std::span(changed)));
      refused += entry ? 0 : 1;
      if (entry) CHECK(entry->result.findings.size() == 3);
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("a result beyond the limit is not written", "[binary]") {
  ScanResult result;
  result.metadata.emplace_back("key", std::string(result::k_max_binary_size, 'x'));
  const auto bytes = result::to_binary(result, Trace{});
  REQUIRE_FALSE(bytes);
  CHECK(bytes.error().code == Errc::limit);
  CHECK_THROWS_AS(result.to_binary(), Error);
}
