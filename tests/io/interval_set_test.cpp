#include "io/interval_set.hpp"

#include <catch2/catch.hpp>
#include <limits>

using modelaudit::ByteRange;
using modelaudit::io::IntervalSet;

TEST_CASE("ranges merge whatever their order", "[io]") {
  IntervalSet set;
  set.add(10, 5);
  set.add(0, 3);
  set.add(3, 2);
  set.add(12, 10);
  set.add(40, 0);
  CHECK(set.merged() == std::vector<ByteRange>{{0, 5}, {10, 12}});
  CHECK(set.total() == 17);
  CHECK(set.holes(30) == std::vector<ByteRange>{{5, 5}, {22, 8}});
  CHECK(set.holes(22) == std::vector<ByteRange>{{5, 5}});
}

TEST_CASE("nothing covered is one hole; no size is none", "[io]") {
  IntervalSet set;
  CHECK(set.holes(7) == std::vector<ByteRange>{{0, 7}});
  CHECK(set.holes(0).empty());
}

TEST_CASE("a range that would wrap is not recorded", "[io]") {
  IntervalSet set;
  set.add(std::numeric_limits<std::uint64_t>::max(), 2);
  CHECK(set.merged().empty());
}

TEST_CASE("many re-readings of the same places keep the list short", "[io]") {
  IntervalSet set;
  for (int round = 0; round < 1000; ++round) {
    for (std::uint64_t i = 0; i < 10; ++i) set.add(i * 100, 10);
  }
  CHECK(set.merged().size() == 10);
  CHECK(set.total() == 100);
}
