#include "result/utf8.hpp"

#include <catch2/catch.hpp>

using namespace modelaudit;

TEST_CASE("well-formed UTF-8 of every length is valid", "[result]") {
  for (const char* text : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "gr\xc3\xbc\xc3\x9f"}) {
    INFO(text);
    CHECK(utf8::is_valid(text));
  }
}

TEST_CASE("overlong forms, surrogates, strays and cut sequences are invalid", "[result]") {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc2", "\xe2\x82", "\xf0\x9f\x98",
        "a\xc3"
        "b"}) {
    CHECK_FALSE(utf8::is_valid(text));
  }
}

TEST_CASE("an invalid byte is taken alone, so that what follows is not lost", "[result]") {
  const utf8::Decoded step = utf8::decode("\xe2\x28\xa1", 0);
  CHECK_FALSE(step.valid);
  CHECK(step.length == 1);
  CHECK(step.point == 0xe2);
  CHECK(utf8::decode("\xe2\x28\xa1", 1).point == U'(');
}
