#include "sources/url.hpp"

#include <catch2/catch.hpp>

using namespace modelaudit;
using namespace modelaudit::sources;

namespace {

Url url(std::string_view text) {
  const auto parsed = Url::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

std::string resolved(std::string_view base, std::string_view location) {
  const auto to = url(base).resolve(location);
  return to ? to->text() : std::string("refused: ") + to.error().what;
}

}  // namespace

TEST_CASE("an address is taken apart and put together", "[url]") {
  const Url a = url("HTTPS://H.Example.ORG.:8443/a%20b/c?x=1#part");
  CHECK(a.tls);
  CHECK(a.host == "h.example.org");
  CHECK(a.port == 8443);
  CHECK(a.path == "/a%20b/c");
  CHECK(a.query == "x=1");
  CHECK(a.text() == "https://h.example.org:8443/a%20b/c?x=1");
  CHECK(a.shown() == "https://h.example.org:8443/a%20b/c");
  CHECK(url("https://h:443/").authority() == "h");
  CHECK(url("http://h").text() == "http://h/");
  CHECK(url("http://h:80").authority() == "h");
  CHECK(url("http://h?q").text() == "http://h/?q");
  CHECK(url("https://[2001:DB8::1]:9/x").text() == "https://[2001:db8::1]:9/x");
}

TEST_CASE("what a browser would forgive is refused", "[url]") {
  for (const char* text : {"", "https:", "https://", "https:///x", "ftp://h/", "h/x", "//h/x", "javascript:alert(1)", "https://user@h/",
                           "https://user:pass@h/", "https://h@evil/", "https://h:/", "https://h:0/", "https://h:65536/", "https://h:8x/",
                           "https://h:80:80/", "https://[::1/", "https://[::1]x/", "https://[]/", "https://[fe80::1%25eth0]/", "https://-h/",
                           "https://.h/", "https://h\\evil/", "https://h/a b", "https://h/\n", "https://h/\xc3\xa9", "https://h/%", "https://h/%2",
                           "https://h/%zz", "https://h,evil/", "https://h;x/", " https://h/", "https://h\t/"}) {
    CAPTURE(text);
    CHECK_FALSE(Url::parse(text));
  }
  CHECK(Url::parse("https://h/" + std::string(8182, 'x')));
  CHECK_FALSE(Url::parse("https://h/" + std::string(8183, 'x')));
  CHECK_FALSE(Url::parse(std::string_view("https://h/\0x", 12)));
}

TEST_CASE("Location headers mean what RFC 3986 says", "[url]") {
  const char* base = "https://h:8443/a/b/c?q=1";
  CHECK(resolved(base, "https://other/x") == "https://other/x");
  CHECK(resolved(base, "//other/x") == "https://other/x");
  CHECK(resolved(base, "/x/y") == "https://h:8443/x/y");
  CHECK(resolved(base, "d") == "https://h:8443/a/b/d");
  CHECK(resolved(base, "./d?z") == "https://h:8443/a/b/d?z");
  CHECK(resolved(base, "../d") == "https://h:8443/a/d");
  CHECK(resolved(base, "../../../../d/") == "https://h:8443/d/");
  CHECK(resolved(base, "?z=2") == "https://h:8443/a/b/c?z=2");
  CHECK(resolved(base, "x:y/z").starts_with("refused"));
  CHECK(resolved(base, "").starts_with("refused"));
  CHECK(resolved(base, "https://u:p@h/").starts_with("refused"));
  CHECK(resolved(base, "///x").starts_with("refused"));
}

TEST_CASE("origins are scheme, host and port", "[url]") {
  const Url a = url("https://h/x");
  CHECK(a.same_origin(url("https://h:443/y")));
  CHECK_FALSE(a.same_origin(url("http://h/x")));
  CHECK_FALSE(a.same_origin(url("https://h:444/x")));
  CHECK_FALSE(a.same_origin(url("https://g/x")));
}

TEST_CASE("a list of hosts names hosts, and ports where they are not the usual ones", "[url]") {
  const std::vector<std::string> hosts = {"a.example", "b.example:8443", "[::1]:80", "user@c.example", ""};
  CHECK(is_listed(url("https://A.example/x"), hosts));
  CHECK(is_listed(url("http://a.example/x"), hosts));
  CHECK_FALSE(is_listed(url("https://a.example:8443/x"), hosts));
  CHECK(is_listed(url("https://b.example:8443/x"), hosts));
  CHECK_FALSE(is_listed(url("https://b.example/x"), hosts));
  CHECK(is_listed(url("http://[::1]/x"), hosts));
  CHECK_FALSE(is_listed(url("https://xa.example/x"), hosts));
  CHECK_FALSE(is_listed(url("https://c.example/x"), hosts));
}

TEST_CASE("percent-encoding comes back as it went", "[url]") {
  CHECK(percent_encode("a b/é%") == "a%20b%2F%C3%A9%25");
  CHECK(percent_decode("a%20b%2f") == "a b/");
  CHECK_FALSE(percent_decode("%"));
  CHECK_FALSE(percent_decode("%4"));
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  CHECK(percent_decode(percent_encode(all)) == all);
}
