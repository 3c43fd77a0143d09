#include <signal.h>

#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "cache/envelope.hpp"
#include "cache/hex.hpp"
#include "cache/support.hpp"
#include "real_server.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

std::string name_of(const Digest& key) { return "modelaudit:1:" + cache::to_hex(key); }

std::map<Digest, CacheEntryInfo> entries_of(CacheBackend& backend) {
  std::map<Digest, CacheEntryInfo> entries;
  REQUIRE(backend.for_each([&](const CacheEntryInfo& entry) {
    CHECK(entries.emplace(entry.key, entry).second);  // each once
    return true;
  }));
  return entries;
}

}  // namespace

TEST_CASE("records come back as they were put", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const auto backend = make_redis_cache(server.options());
  const auto nothing = backend->get(digest_of(1));
  REQUIRE(nothing);
  CHECK_FALSE(nothing->has_value());

  const auto record = bytes_of(std::string_view("a\0b\r\n$-1\r\n\xff", 11));
  REQUIRE(backend->put(digest_of(1), record));
  CHECK(*backend->get(digest_of(1)) == record);
  REQUIRE(backend->put(digest_of(1), bytes_of("another")));
  CHECK(*backend->get(digest_of(1)) == bytes_of("another"));
  REQUIRE(backend->erase(digest_of(1)));
  CHECK_FALSE(backend->get(digest_of(1))->has_value());
  CHECK(backend->erase(digest_of(1)));  // nothing there: fine
}

TEST_CASE("the longest record fits, one byte more is refused", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const auto backend = make_redis_cache(server.options());
  std::vector<std::byte> record(cache::k_max_record_size, std::byte{7});
  REQUIRE(backend->put(digest_of(1), record));
  CHECK(*backend->get(digest_of(1)) == record);
  record.push_back(std::byte{7});
  const auto refused = backend->put(digest_of(2), record);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::limit);
}

TEST_CASE("what another client wrote under our name is a damaged record", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const auto backend = make_redis_cache(server.options());
  server.tell({"LPUSH", name_of(digest_of(1)), "x"});
  server.tell({"SETRANGE", name_of(digest_of(2)), "200000000", "x"});  // 200 MB, of which we read 16
  for (const std::uint8_t key : {std::uint8_t{1}, std::uint8_t{2}}) {
    const auto got = backend->get(digest_of(key));
    REQUIRE_FALSE(got);
    CHECK(got.error().code == Errc::malformed);
  }
  CHECK(entries_of(*backend).at(digest_of(2)).bytes == 200'000'001);
  REQUIRE(backend->put(digest_of(1), bytes_of("healed")));
  CHECK(*backend->get(digest_of(1)) == bytes_of("healed"));
}

TEST_CASE("entries end with their age limit", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  RedisOptions options = server.options();
  REQUIRE(make_redis_cache(options)->put(digest_of(1), bytes_of("x")));
  const int rest = std::stoi(server.tell({"TTL", name_of(digest_of(1))}));
  CHECK(rest > 29 * 86400);
  CHECK(rest <= 30 * 86400);
  options.max_age.reset();
  REQUIRE(make_redis_cache(options)->put(digest_of(1), bytes_of("x")));
  CHECK(server.tell({"TTL", name_of(digest_of(1))}) == "-1");
}

TEST_CASE("a listing finds our entries, each once, and nothing else", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const auto backend = make_redis_cache(server.options());
  constexpr int k_entries = 3000;  // several parts
  std::uint64_t bytes = 0;
  for (int i = 0; i < k_entries; ++i) {
    Digest key{};
    key[0] = static_cast<std::uint8_t>(i);
    key[1] = static_cast<std::uint8_t>(i >> 8);
    const std::string value(static_cast<std::size_t>(1 + i % 50), 'v');
    REQUIRE(backend->put(key, bytes_of(value)));
    bytes += value.size();
  }
  for (const std::string& name : {std::string("modelaudit:1:notes"), "modelaudit:1:" + std::string(64, 'g'),
                                  name_of(digest_of(9)) + "0", "modelaudit:2:" + cache::to_hex(digest_of(9)),
                                  "other:" + cache::to_hex(digest_of(9)), cache::to_hex(digest_of(9))}) {
    CHECK(server.tell({"SET", name, "somebody's"}) == "OK");
  }
  const auto stats = backend->stats();
  REQUIRE(stats);
  CHECK(stats->entries == k_entries);
  CHECK(stats->bytes == bytes);

  int visited = 0;
  REQUIRE(backend->for_each([&](const CacheEntryInfo&) { return ++visited < 5; }));
  CHECK(visited == 5);
  CHECK(backend->for_each([&](const CacheEntryInfo& entry) { return backend->erase(entry.key).has_value(); }));
  CHECK(backend->stats()->entries == 0);
  CHECK(server.tell({"DBSIZE"}) == "6");  // all that is somebody's
}

TEST_CASE("the last use is the server's idle time, or the time of writing where it keeps none", "[redis]") {
  if (!has_redis_server()) return;
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  };
  RealServer server;
  const auto backend = make_redis_cache(server.options());
  const std::int64_t before = now();
  REQUIRE(backend->put(digest_of(1), bytes_of("x")));
  CHECK(entries_of(*backend).at(digest_of(1)).last_used_s >= before - 1);

  CHECK(server.tell({"CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"}) == "OK");
  CHECK(entries_of(*backend).at(digest_of(1)).last_used_s >= before - 1);
  CHECK(server.tell({"EXPIRE", name_of(digest_of(1)), "86400"}) == "1");  // as if written 29 days ago
  CHECK(entries_of(*backend).at(digest_of(1)).last_used_s <= now() - 29 * 86400 + 60);
}

TEST_CASE("databases and prefixes keep caches apart", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  RedisOptions other_database = server.options();
  other_database.database = 5;
  RedisOptions other_prefix = server.options();
  other_prefix.prefix = "team-b:";
  REQUIRE(make_redis_cache(server.options())->put(digest_of(1), bytes_of("x")));
  CHECK_FALSE(make_redis_cache(other_database)->get(digest_of(1))->has_value());
  CHECK_FALSE(make_redis_cache(other_prefix)->get(digest_of(1))->has_value());
  CHECK(make_redis_cache(other_prefix)->stats()->entries == 0);
  RedisOptions too_high = server.options();
  too_high.database = 1000;
  const auto refused = make_redis_cache(too_high)->get(digest_of(1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == std::string("cache: the server refuses the database"));
}

TEST_CASE("a server with a password takes the right one only", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  CHECK(server.tell({"ACL", "SETUSER", "scanner", "on", ">open sesame", "~modelaudit:*", "+@all"}) == "OK");
  RedisOptions options = server.options();
  options.user = "scanner";
  options.password = "open sesame";
  REQUIRE(make_redis_cache(options)->put(digest_of(1), bytes_of("x")));
  CHECK(make_redis_cache(options)->get(digest_of(1))->has_value());
  options.prefix = "elsewhere:";
  CHECK_FALSE(make_redis_cache(options)->put(digest_of(1), bytes_of("x")));
  options.password = "wrong";
  CHECK(make_redis_cache(options)->get(digest_of(1)).error().what == std::string("cache: the server refuses the password"));

  CHECK(server.tell({"CONFIG", "SET", "requirepass", "pw"}) == "OK");
  const auto without = make_redis_cache(server.options())->get(digest_of(1));
  REQUIRE_FALSE(without);
  CHECK(without.error().what == std::string("cache: the server refuses the command"));
  RedisOptions with = server.options();
  with.password = "pw";
  CHECK(make_redis_cache(with)->get(digest_of(1))->has_value());
}

TEST_CASE("a server without room refuses records and still gives them", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const auto backend = make_redis_cache(server.options());
  REQUIRE(backend->put(digest_of(1), bytes_of("x")));
  CHECK(server.tell({"CONFIG", "SET", "maxmemory-policy", "noeviction"}) == "OK");
  CHECK(server.tell({"CONFIG", "SET", "maxmemory", "1"}) == "OK");
  const auto refused = backend->put(digest_of(2), bytes_of("x"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::io_error);
  CHECK(*backend->get(digest_of(1)) == bytes_of("x"));
}

TEST_CASE("a server that is killed and started again is found again", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  RedisOptions options = server.options();
  options.pause = 1ms;
  const auto backend = make_redis_cache(options);
  REQUIRE(backend->put(digest_of(1), bytes_of("x")));
  server.kill();
  const auto gone = backend->get(digest_of(1));
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == Errc::io_error);
  server.start();
  while (!backend->put(digest_of(1), bytes_of("y"))) std::this_thread::sleep_for(1ms);
  CHECK(*backend->get(digest_of(1)) == bytes_of("y"));
}

TEST_CASE("a server that hangs costs one time-out, and is used again when it goes on", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  RedisOptions options = server.options();
  options.command_timeout = 100ms;
  options.pause = 1s;
  const auto backend = make_redis_cache(options);
  while (!backend->put(digest_of(1), bytes_of("x"))) std::this_thread::sleep_for(10ms);
  server.signal(SIGSTOP);
  CHECK(backend->get(digest_of(1)).error().code == Errc::timed_out);
  CHECK(backend->get(digest_of(1)).error().code == Errc::io_error);  // not asked: no time-out
  server.signal(SIGCONT);
  while (!backend->get(digest_of(1))) std::this_thread::sleep_for(10ms);
  CHECK(*backend->get(digest_of(1)) == bytes_of("x"));  // the late answer to the old question was not taken for this
}

TEST_CASE("threads and forked processes do not mix their answers", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const auto backend = make_redis_cache(server.options());
  const auto work = [&](std::uint8_t base) {
    bool right = true;
    for (int round = 0; round < 200; ++round) {
      const auto key = static_cast<std::uint8_t>(base + round % 8);
      const auto value = bytes_of(std::string(1000, static_cast<char>(key)));
      right = right && backend->put(digest_of(key), value).has_value();
      const auto got = backend->get(digest_of(key));
      right = right && got && *got == value;
    }
    return right;
  };
  REQUIRE(work(100));  // connections that the children inherit
  std::array<bool, 4> right{};
  {
    std::vector<std::jthread> threads;
    for (std::uint8_t t = 0; t < 4; ++t) threads.emplace_back([&, t] { right[t] = work(static_cast<std::uint8_t>(8 * t)); });
  }
  CHECK(right == std::array{true, true, true, true});
  std::array<int, 3> status{};
  for (std::uint8_t c = 0; c < 3; ++c) {
    status[c] = in_child([&] { return work(static_cast<std::uint8_t>(40 + 8 * c)) ? 0 : 1; });
  }
  CHECK(status == std::array{0, 0, 0});
}
