#include <catch2/catch.hpp>

#include "modelaudit/redis.hpp"

using namespace modelaudit;

TEST_CASE("an address names host, port and database, each with its default", "[redis]") {
  const RedisOptions plain = parse_redis_url("redis://cache.example");
  CHECK(plain.host == "cache.example");
  CHECK(plain.port == 6379);
  CHECK(plain.database == 0);
  CHECK(plain.password.empty());
  const RedisOptions full = parse_redis_url("redis://scanner:p%40ss%2Fword@[2001:db8::1]:7000/12");
  CHECK(full.host == "2001:db8::1");
  CHECK(full.port == 7000);
  CHECK(full.database == 12);
  CHECK(full.user == "scanner");
  CHECK(full.password == "p@ss/word");
  CHECK(parse_redis_url("redis://:only@h/").password == "only");
  CHECK(parse_redis_url("redis://:a@b@h").password == "a@b");  // not encoded, and still clear
  const RedisOptions socket = parse_redis_url("unix://:pw@/run/redis%20one.sock?db=3");
  CHECK(socket.unix_socket == "/run/redis one.sock");
  CHECK(socket.database == 3);
  CHECK(socket.command_timeout == RedisOptions{}.command_timeout);
  for (const char* url : {"unix:///s?db=3&timeout=1500", "redis://h?timeout=1500&db=3", "redis://h/3?timeout=1500"}) {
    CHECK(parse_redis_url(url).database == 3);
    CHECK(parse_redis_url(url).command_timeout == std::chrono::milliseconds{1500});
    CHECK(parse_redis_url(url).connect_timeout == std::chrono::milliseconds{1500});
  }
  CHECK(socket.password == "pw");
}

TEST_CASE("what is no address is refused without showing it", "[redis]") {
  for (const char* url :
       {"", "redis://", "redis:///1", "http://h", "h:6379", "rediss://h", "redis://h:0", "redis://h:65536", "redis://h:x",
        "redis://h:", "redis://h:1:2", "redis://h/x", "redis://h/-1", "redis://h/99999999999", "redis://[::1", "redis://[::1]x",
        "redis://a b", "redis://h?db=1&", "redis://h?timeout=0", "redis://h?timeout=1s", "redis://h?x=1", "redis://:hush@h?hush", "redis://:%zz@h", "redis://:%0@h", "redis://:%00@h", "unix://relative", "unix://",
        "unix:///s?db=", "unix:///s?x=1", "redis://:hush@h:x", "redis://hush:hush@", "unix://:hush@s"}) {
    CAPTURE(url);
    CHECK_THROWS_AS(parse_redis_url(url), Error);
    CHECK_THROWS_WITH(parse_redis_url(url), !Catch::Contains("hush"));
  }
}

TEST_CASE("the address that reports show has no password", "[redis]") {
  CHECK(redis_address(parse_redis_url("redis://u:hush@h:1/2")) == "redis://h:1/2");
  CHECK(redis_address(parse_redis_url("redis://:hush@[::1]")) == "redis://[::1]:6379/0");
  CHECK(redis_address(parse_redis_url("unix://:hush@/s?db=4")) == "unix:///s?db=4");
}

TEST_CASE("options that make no sense are refused", "[redis]") {
  const auto refused = [](auto change) {
    RedisOptions options;
    change(options);
    CHECK_THROWS_AS(make_redis_cache(options), Error);
  };
  refused([](RedisOptions& o) { o.command_timeout = std::chrono::milliseconds{0}; });
  refused([](RedisOptions& o) { o.connect_timeout = std::chrono::milliseconds{-1}; });
  refused([](RedisOptions& o) { o.pause = std::chrono::milliseconds{-1}; });
  refused([](RedisOptions& o) { o.max_age = std::chrono::seconds{0}; });
  refused([](RedisOptions& o) { o.user = "somebody"; });
  for (const char* prefix : {"", "*", "a b", "x[1]", "a?", "\n"}) refused([&](RedisOptions& o) { o.prefix = prefix; });
  CHECK(make_redis_cache(RedisOptions{}) != nullptr);  // nobody is asked yet
}
