#include "wire/json/reader.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "modelaudit/error.hpp"

using modelaudit::as_view;
using modelaudit::Errc;
using modelaudit::Malformed;
using modelaudit::wire::json::as_u64;
using modelaudit::wire::json::Event;
using modelaudit::wire::json::Limits;
using modelaudit::wire::json::Quirk;
using modelaudit::wire::json::Reader;

namespace {

// The events of a document in one line: { } [ ], k:name, s:text, n:number, b:boolean, 0 for null.
std::string events(std::string_view text, Limits limits = {}) {
  Reader reader(as_view(text), limits);
  std::string out;
  for (;;) {
    switch (reader.next()) {
      case Event::begin_object: out += '{'; break;
      case Event::end_object: out += '}'; break;
      case Event::begin_array: out += '['; break;
      case Event::end_array: out += ']'; break;
      case Event::key: out += "k:" + std::string(reader.text()) + ' '; break;
      case Event::string: out += "s:" + std::string(reader.text()) + ' '; break;
      case Event::number: out += "n:" + std::string(reader.text()) + ' '; break;
      case Event::boolean: out += "b:" + std::string(reader.text()) + ' '; break;
      case Event::null: out += "0 "; break;
      case Event::end: return out;
    }
  }
}

// How a document fails, or nothing when it does not.
std::optional<modelaudit::Failure> failure(std::string_view text, Limits limits = {}) {
  try {
    (void)events(text, limits);
  } catch (const Malformed& error) {
    return error.failure();
  }
  return std::nullopt;
}

std::string decoded(std::string_view text) {
  Reader reader(as_view(text));
  REQUIRE(reader.next() == Event::string);
  return std::string(reader.text());
}

}  // namespace

TEST_CASE("every kind of value becomes its event", "[json]") {
  CHECK(events(R"({"a":[1,-2.5e+3,true,false,null],"b":{},"c":[],"d":"x"})") ==
        "{k:a [n:1 n:-2.5e+3 b:true b:false 0 ]k:b {}k:c []k:d s:x }");
  CHECK(events(" \t\r\n[ 1 , 2 ] ") == "[n:1 n:2 ]");
  CHECK(events("\"root\"") == "s:root ");
  CHECK(events("0") == "n:0 ");
}

TEST_CASE("duplicate keys are handed out as they stand", "[json]") {
  CHECK(events(R"({"a":1,"a":2,"\u0061":3})") == "{k:a n:1 k:a n:2 k:a n:3 }");
}

TEST_CASE("escapes are decoded before anybody sees the text", "[json]") {
  CHECK(decoded(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(decoded(R"("\u005f\u00e9\u20ac\ud83d\ude00")") == "_\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(decoded(R"("plain \u0061 plain")") == "plain a plain");
  CHECK(decoded(R"("\u0000")") == std::string(1, '\0'));
}

TEST_CASE("what readers disagree on is noted with its offset", "[json]") {
  const auto quirk = [](std::string_view text, Quirk which) {
    Reader reader(as_view(text, 100));
    while (reader.next() != Event::end) {
    }
    return reader.quirk(which);
  };
  CHECK(quirk("\xEF\xBB\xBF{}", Quirk::byte_order_mark) == 100);
  CHECK(quirk("\"ab\xFF\"", Quirk::invalid_utf8) == 103);
  CHECK(quirk("\"\xC0\xAF\"", Quirk::invalid_utf8) == 101);            // overlong
  CHECK(quirk("\"\xED\xA0\x80\"", Quirk::invalid_utf8) == 101);        // surrogate in UTF-8
  CHECK(quirk("\"\\n\xF5\x80\x80\x80\"", Quirk::invalid_utf8) == 103);  // beyond U+10FFFF, after an escape
  CHECK(quirk(R"("\ud83d")", Quirk::lone_surrogate) == 101);
  CHECK(quirk(R"("\ude00x")", Quirk::lone_surrogate) == 101);
  CHECK(quirk(R"("\ud83d\u0041")", Quirk::lone_surrogate) == 101);
  CHECK(quirk("\"a\nb\"", Quirk::control_character) == 102);
  CHECK(quirk("[NaN]", Quirk::non_finite) == 101);
  CHECK(quirk("[-Infinity]", Quirk::non_finite) == 101);
  CHECK(quirk("{\"a\":\"\xC3\xA9 \xF0\x9F\x98\x80\"}", Quirk::invalid_utf8) == std::nullopt);
}

TEST_CASE("broken grammar is malformed at the byte that breaks it", "[json]") {
  for (const std::string_view text : {"{not json}", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{1:2}", "[1 2]", "[}", "{\"a\":1]",
                                      "01", "-x", "1.x", "1ex", "tru_", "\"\\x\"", "\"\\u12g4\"", "+1", "'a'", "/**/1"}) {
    const auto error = failure(text);
    INFO(text);
    REQUIRE(error);
    CHECK(error->code == Errc::malformed);
  }
  CHECK(failure("{not json}")->offset == 1);
  CHECK(failure("[1 2]")->offset == 3);
}

TEST_CASE("a document cut at any byte is truncated, never accepted", "[json]") {
  const std::string whole = R"({"a\u0041":[1,-2.5e+3,true,null,{"b":"\ud83d\ude00"}],"c":"x"})";
  REQUIRE_FALSE(failure(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto error = failure(whole.substr(0, n));
    INFO(n);
    REQUIRE(error);
    CHECK(error->code == Errc::truncated);
    CHECK(error->offset <= n);
  }
}

TEST_CASE("a document with any byte flipped ends", "[json]") {
  const std::string whole = R"({"a":[1,-2.5e+3,true],"b":"\u0041"})";
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const auto error = failure(changed);
      CHECK((!error || error->offset <= changed.size()));
    }
  }
}

TEST_CASE("nesting is accepted to the limit and refused one past it", "[json]") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK_FALSE(failure(nested(128)));
  const auto error = failure(nested(129));
  REQUIRE(error);
  CHECK(error->code == Errc::limit);
  CHECK(error->offset == 128);
  CHECK(failure(std::string(1'000'000, '['))->code == Errc::limit);
}

TEST_CASE("a string with escapes is bounded, one without is not copied", "[json]") {
  const Limits limits{.depth = 4, .string = 8};
  CHECK_FALSE(failure(R"("\n1234567")", limits));
  CHECK(failure(R"("\n12345678")", limits)->code == Errc::limit);
  CHECK_FALSE(failure('"' + std::string(100, 'x') + '"', limits));
}

TEST_CASE("skip_container() stops behind the matching bracket and tells the depth", "[json]") {
  Reader reader(as_view(R"({"a":{"b":[[1]]},"c":2})"));
  REQUIRE(reader.next() == Event::begin_object);
  REQUIRE(reader.next() == Event::key);
  REQUIRE(reader.next() == Event::begin_object);
  CHECK(reader.skip_container() == 4);
  REQUIRE(reader.next() == Event::key);
  CHECK(reader.text() == "c");
}

TEST_CASE("what follows the document is left alone", "[json]") {
  Reader reader(as_view("{}  x"));
  while (reader.next() != Event::end) {
  }
  CHECK(reader.rest().text() == "  x");
  CHECK(reader.next() == Event::end);
}

TEST_CASE("as_u64() takes whole numbers of 64 bits only", "[json]") {
  CHECK(as_u64("0") == 0);
  CHECK(as_u64("18446744073709551615") == UINT64_MAX);
  for (const std::string_view text : {"", "-1", "1.0", "1e3", "01", "18446744073709551616", "+1", " 1"}) {
    INFO(text);
    CHECK_FALSE(as_u64(text));
  }
}
