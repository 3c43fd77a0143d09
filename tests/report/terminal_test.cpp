#include <catch2/catch.hpp>

#include "modelaudit/report.hpp"

using namespace modelaudit;

TEST_CASE("ordinary text of any language is left as it is", "[report]") {
  for (const char* text :
       {"", "model.pt", "a b\\c", "gr\xc3\xbc\xc3\x9f", "\xe6\xa8\xa1\xe5\x9e\x8b", "\xf0\x9f\xa4\x97"}) {
    CHECK(escape_for_terminal(text) == text);
  }
}

TEST_CASE("control characters become escapes", "[report]") {
  CHECK(escape_for_terminal("\x1b[31mred\x1b]0;title\x07") == "\\x1b[31mred\\x1b]0;title\\x07");
  CHECK(escape_for_terminal("a\rb\nc\td\x7f") == "a\\x0db\\x0ac\\x09d\\x7f");
  CHECK(escape_for_terminal(std::string("\0", 1)) == "\\x00");
  CHECK(escape_for_terminal("\xc2\x9b"
                            "31m") == "\\u{9b}31m");  // CSI as one character
}

TEST_CASE("characters that turn or hide text become escapes", "[report]") {
  CHECK(escape_for_terminal("a\xe2\x80\xae"
                            "b") == "a\\u{202e}b");                // right-to-left override
  CHECK(escape_for_terminal("\xe2\x81\xa6") == "\\u{2066}");       // isolate
  CHECK(escape_for_terminal("\xe2\x80\x8b") == "\\u{200b}");       // zero width space
  CHECK(escape_for_terminal("\xe2\x80\xa8") == "\\u{2028}");       // line separator
  CHECK(escape_for_terminal("\xef\xbb\xbf") == "\\u{feff}");       // byte order mark
  CHECK(escape_for_terminal("\xf3\xa0\x81\x81") == "\\u{e0041}");  // tag letter
}

TEST_CASE("bytes that are no UTF-8 become escapes one by one", "[report]") {
  CHECK(escape_for_terminal("\xff\xfe") == "\\xff\\xfe");
  CHECK(escape_for_terminal("\xe2\x80") == "\\xe2\\x80");
  CHECK(escape_for_terminal("\x9b") == "\\x9b");
}

TEST_CASE("no byte value gets through that could move a cursor", "[report]") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string out = escape_for_terminal(std::string("a") + static_cast<char>(byte) + "z");
    for (const char c : out) {
      INFO(byte);
      CHECK((c >= ' ' && c <= '~'));
    }
  }
}
