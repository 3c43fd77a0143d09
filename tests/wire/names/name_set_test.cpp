#include "wire/names/name_set.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "modelaudit/error.hpp"

using modelaudit::Budget;
using modelaudit::Errc;
using modelaudit::Limits;
using modelaudit::Malformed;
using modelaudit::wire::NameSet;

TEST_CASE("a name is new once", "[names]") {
  Budget budget{Limits{}};
  NameSet names(budget);
  CHECK(names.insert(""));
  CHECK(names.insert("a"));
  CHECK_FALSE(names.insert("a"));
  CHECK_FALSE(names.insert(""));
  CHECK(names.insert("A"));
  CHECK(names.size() == 3);
}

TEST_CASE("a hundred thousand names stay apart while the table grows", "[names]") {
  Budget budget{Limits{}};
  NameSet names(budget);
  for (int i = 0; i < 100'000; ++i) CHECK(names.insert("model.layers." + std::to_string(i) + ".weight"));
  for (int i = 0; i < 100'000; i += 997) CHECK_FALSE(names.insert("model.layers." + std::to_string(i) + ".weight"));
}

TEST_CASE("the memory budget bounds the table and gets it back", "[names]") {
  Limits limits;
  limits.memory = 4096;
  Budget budget{limits};
  {
    NameSet names(budget);
    try {
      for (int i = 0;; ++i) names.insert(std::to_string(i));
    } catch (const Malformed& error) {
      CHECK(error.failure().code == Errc::limit);
    }
    CHECK(names.size() >= 128);
    CHECK(names.size() <= 512);
  }
  CHECK(budget.memory_left() == 4096);
}
