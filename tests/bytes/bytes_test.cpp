#include "modelaudit/bytes.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace modelaudit;

namespace {
constexpr std::uint64_t k_huge = std::numeric_limits<std::uint64_t>::max();
}

TEST_CASE("sub() takes an exact fit and refuses one byte more", "[bytes]") {
  const ByteView view = as_view("abcd", 100);
  REQUIRE(view.sub(1, 3));
  CHECK(view.sub(1, 3)->text() == "bcd");
  CHECK(view.sub(1, 3)->offset() == 101);
  CHECK(view.sub(4, 0));
  CHECK_FALSE(view.sub(1, 4));
  CHECK_FALSE(view.sub(5, 0));
}

TEST_CASE("sub() does not wrap at the largest integers", "[bytes]") {
  const ByteView view = as_view("abcd");
  for (const std::uint64_t big : {std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63, k_huge}) {
    CHECK_FALSE(view.sub(1, big));
    CHECK_FALSE(view.sub(big, 1));
    CHECK_FALSE(view.sub(big, big));
    CHECK(view.clip(big, big).empty());
    CHECK(view.clip(1, big).text() == "bcd");
  }
}

TEST_CASE("le() and be() read whole integers only", "[bytes]") {
  const ByteView view = as_view(std::string_view("\x01\x02\x03\x04\x05", 5));
  CHECK(view.le<std::uint32_t>(0) == 0x04030201U);
  CHECK(view.be<std::uint32_t>(1) == 0x02030405U);
  CHECK(view.be<std::uint16_t>(3) == 0x0405U);
  CHECK_FALSE(view.le<std::uint32_t>(2));
  CHECK_FALSE(view.le<std::uint64_t>(0));
  CHECK_FALSE(view.be<std::uint8_t>(5));
  CHECK_FALSE(view.be<std::uint8_t>(k_huge));
}

TEST_CASE("find() sees a literal at the very end and not beyond", "[bytes]") {
  const ByteView view = as_view("abcabc");
  CHECK(view.find("abc") == 0U);
  CHECK(view.find("abc", 1) == 3U);
  CHECK_FALSE(view.find("abc", 4));
  CHECK_FALSE(view.find("abcabcabc"));
  CHECK_FALSE(view.find("a", 7));
}

TEST_CASE("a reader that fails leaves its position", "[bytes]") {
  ByteReader in(as_view("abc", 10));
  CHECK(in.le<std::uint16_t>() == 0x6261);
  CHECK_FALSE(in.try_le<std::uint32_t>());
  CHECK_FALSE(in.try_take(2));
  CHECK(in.offset() == 12);
  CHECK(in.take(1).text() == "c");
  CHECK(in.at_end());
  CHECK_THROWS_AS(in.le<std::uint8_t>(), Malformed);
  CHECK_NOTHROW(in.expect_end());
}

TEST_CASE("count() refuses more records than fit", "[bytes]") {
  const std::string two_records = std::string("\x02\0\0\0\0\0\0\0", 8) + "aabb";
  CHECK(ByteReader(as_view(two_records)).count<std::uint64_t>(2) == 2);
  CHECK_THROWS_AS(ByteReader(as_view(two_records)).count<std::uint64_t>(3), Malformed);
  const std::string endless = std::string(8, '\xff') + "aabb";
  CHECK_THROWS_AS(ByteReader(as_view(endless)).count<std::uint64_t>(1), Malformed);
}

TEST_CASE("a failure carries the absolute offset", "[bytes]") {
  ByteReader in(as_view("GGUX", 40));
  try {
    in.expect_magic("GGUF");
    FAIL("no exception");
  } catch (const Malformed& malformed) {
    CHECK(malformed.failure().offset == 40);
    CHECK(malformed.failure().code == Errc::malformed);
  }
}

TEST_CASE("checked arithmetic stops at 64 bits", "[bytes]") {
  CHECK(checked_mul(std::uint64_t{1} << 32, std::uint64_t{1} << 31) == std::uint64_t{1} << 63);
  CHECK_FALSE(checked_mul(std::uint64_t{1} << 32, std::uint64_t{1} << 32));
  CHECK(checked_mul(0, k_huge) == 0U);
  CHECK(checked_add(k_huge, 0) == k_huge);
  CHECK_FALSE(checked_add(k_huge, 1));
}
