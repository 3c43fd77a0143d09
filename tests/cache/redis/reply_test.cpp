#include "cache/redis_reply.hpp"

#include <catch2/catch.hpp>

using namespace modelaudit;
using namespace modelaudit::cache;
using Kind = RedisReply::Kind;

namespace {

RedisReply reply_in(std::string_view bytes) {
  RedisReplyReader reader(100);
  REQUIRE(reader.feed(bytes));
  auto reply = reader.next();
  REQUIRE(reply);
  CHECK(reader.is_empty());
  return std::move(*reply);
}

Errc refusal_of(std::string_view bytes, std::size_t max_items = 100) {
  RedisReplyReader reader(max_items);
  if (auto fed = reader.feed(bytes); !fed) return fed.error().code;
  const auto reply = reader.next();
  REQUIRE_FALSE(reply);
  return reply.error().code;
}

}  // namespace

TEST_CASE("every kind of reply is read", "[redis]") {
  CHECK(reply_in("$-1\r\n").kind == Kind::nil);
  CHECK(reply_in("+OK\r\n").text == "OK");
  CHECK(reply_in(std::string_view("$3\r\na\0b\r\n", 9)).text == std::string("a\0b", 3));
  CHECK(reply_in("$0\r\n\r\n").text.empty());
  CHECK(reply_in("-ERR no\r\n").kind == Kind::error);
  CHECK(reply_in(":-12\r\n").number == -12);
  const RedisReply list = reply_in("*3\r\n$1\r\n7\r\n*2\r\n$1\r\na\r\n:5\r\n$-1\r\n");
  REQUIRE(list.items.size() == 3);
  CHECK(list.items[0].text == "7");
  CHECK(list.items[1].items.at(1).number == 5);
  CHECK(list.items[2].kind == Kind::nil);
  CHECK(reply_in("*0\r\n").kind == Kind::list);
}

TEST_CASE("a reply that is cut anywhere wants more, and is read when the rest comes", "[redis]") {
  const std::string_view whole = "*2\r\n$1\r\n7\r\n*2\r\n$3\r\nabc\r\n:5\r\n";
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    RedisReplyReader reader(100);
    REQUIRE(reader.feed(whole.substr(0, cut)));
    const auto first = reader.next();
    REQUIRE_FALSE(first);
    CHECK(first.error().code == Errc::absent);
    REQUIRE(reader.feed(whole.substr(cut)));
    const auto reply = reader.next();
    REQUIRE(reply);
    CHECK(reply->items.at(1).items.at(0).text == "abc");
  }
}

TEST_CASE("what the server claims takes no memory", "[redis]") {
  CHECK(refusal_of("*2000000000\r\n") == Errc::io_error);
  CHECK(refusal_of("*101\r\n") == Errc::io_error);
  CHECK(refusal_of("*2\r\n*50\r\n") == Errc::absent);  // 52 so far
  CHECK(refusal_of("*2\r\n*99\r\n") == Errc::io_error);
  CHECK(refusal_of("$9000000000000000000\r\nabc") == Errc::absent);  // bytes are taken as they come
}

TEST_CASE("bytes that are no reply are refused", "[redis]") {
  for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-x\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", ":12x\r\n", "\r\n",
                            "%1\r\n+a\r\n+b\r\n", ",1.5\r\n", "#t\r\n", "_\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    CAPTURE(bytes);
    CHECK(refusal_of(bytes) == Errc::io_error);
  }
}

TEST_CASE("bytes after a reply are noticed", "[redis]") {
  RedisReplyReader reader(100);
  REQUIRE(reader.feed("+OK\r\n+unasked\r\n"));
  REQUIRE(reader.next());
  CHECK_FALSE(reader.is_empty());
}
