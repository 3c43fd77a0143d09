#include <catch2/catch.hpp>

#include "cache/support.hpp"
#include "support/hex.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

TEST_CASE("the memory backend tells absent from empty", "[memory]") {
  const auto backend = make_memory_cache(100);
  auto got = backend->get(digest_of(1));
  REQUIRE(got);
  CHECK_FALSE(got->has_value());
  REQUIRE(backend->put(digest_of(1), {}));
  got = backend->get(digest_of(1));
  REQUIRE(got);
  REQUIRE(got->has_value());
  CHECK((*got)->empty());
}

TEST_CASE("the memory backend drops what was not used for longest", "[memory]") {
  const auto backend = make_memory_cache(30);
  const auto ten = bytes_of("0123456789");
  for (std::uint8_t i = 1; i <= 3; ++i) REQUIRE(backend->put(digest_of(i), ten));
  REQUIRE(backend->get(digest_of(1))->has_value());
  REQUIRE(backend->put(digest_of(4), ten));
  CHECK(backend->get(digest_of(1))->has_value());
  CHECK_FALSE(backend->get(digest_of(2))->has_value());
  CHECK(backend->get(digest_of(3))->has_value());
  CHECK(backend->stats()->entries == 3);
  CHECK(backend->stats()->bytes == 30);
}

TEST_CASE("the memory backend replaces, erases and refuses what cannot fit", "[memory]") {
  const auto backend = make_memory_cache(10);
  REQUIRE(backend->put(digest_of(1), bytes_of("abc")));
  REQUIRE(backend->put(digest_of(1), bytes_of("de")));
  CHECK(backend->stats()->bytes == 2);
  CHECK(**backend->get(digest_of(1)) == bytes_of("de"));
  CHECK(backend->put(digest_of(2), bytes_of("01234567890")).error().code == Errc::limit);
  REQUIRE(backend->erase(digest_of(1)));
  REQUIRE(backend->erase(digest_of(1)));
  CHECK(backend->stats()->entries == 0);
}

TEST_CASE("entries of the memory backend may be erased while they are visited", "[memory]") {
  const auto backend = make_memory_cache(100);
  for (std::uint8_t i = 1; i <= 3; ++i) REQUIRE(backend->put(digest_of(i), bytes_of("abc")));
  int visits = 0;
  REQUIRE(backend->for_each([&](const CacheEntryInfo& entry) {
    CHECK(entry.bytes == 3);
    CHECK(entry.last_used_s > 0);
    CHECK(backend->erase(entry.key));
    return ++visits < 2;
  }));
  CHECK(visits == 2);
  CHECK(backend->stats()->entries == 1);
}
