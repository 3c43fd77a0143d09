#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "cache/support.hpp"
#include "fake_server.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using namespace std::chrono_literals;

namespace {

Failure failure_of(CacheBackend& backend) {
  const auto got = backend.get(digest_of(1));
  REQUIRE_FALSE(got);
  return got.error();
}

/// An address where nobody listens: its server has just gone.
RedisOptions nobody() { return FakeServer(read_to_end).options(); }

void drip(int fd) {
  const std::string head = "$100000\r\n";
  bool open = send(fd, head.data(), head.size(), MSG_NOSIGNAL) > 0;
  while (open) {
    std::this_thread::sleep_for(10ms);
    open = send(fd, "x", 1, MSG_NOSIGNAL) > 0;
  }
}

/// Sends `head` and then bytes without end.
std::function<void(int)> flood(std::string head) {
  return [head = std::move(head)](int fd) {
    const std::string block(1 << 16, 'x');
    bool open = send(fd, head.data(), head.size(), MSG_NOSIGNAL) > 0;
    while (open) open = send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0;
  };
}

}  // namespace

TEST_CASE("a server that is not there is asked once", "[redis]") {
  const auto backend = make_redis_cache(nobody());
  const Failure first = failure_of(*backend);
  CHECK(first.code == Errc::io_error);
  CHECK(first.what == std::string("cache: the server cannot be reached"));
  for (int i = 0; i < 1000; ++i) CHECK(failure_of(*backend).what == std::string(first.what));  // costs nothing
}

TEST_CASE("a name that nobody knows and a socket that is not there are failures", "[redis]") {
  RedisOptions options;
  options.host = "no-such-host.invalid";
  CHECK_THAT(failure_of(*make_redis_cache(options)).what, Catch::StartsWith("cache: the server"));
  options.unix_socket = "/nowhere/redis.sock";
  CHECK(failure_of(*make_redis_cache(options)).code == Errc::io_error);
  options.unix_socket = "/" + std::string(200, 'x');
  CHECK(failure_of(*make_redis_cache(options)).code == Errc::io_error);
}

TEST_CASE("a server that never answers costs one time-out", "[redis]") {
  FakeServer server(read_to_end);
  const auto backend = make_redis_cache(server.options());
  CHECK(failure_of(*backend).code == Errc::timed_out);
  for (int i = 0; i < 1000; ++i) (void)failure_of(*backend);
  CHECK_FALSE(backend->put(digest_of(1), {}));
  CHECK_FALSE(backend->erase(digest_of(1)));
  CHECK_FALSE(backend->stats());
  CHECK(server.connections() == 1);
}

TEST_CASE("a server that sends byte by byte is held to the time of the whole answer", "[redis]") {
  FakeServer server(drip);
  CHECK(failure_of(*make_redis_cache(server.options())).code == Errc::timed_out);
}

TEST_CASE("a password is part of the time to connect", "[redis]") {
  FakeServer server(read_to_end);
  RedisOptions options = server.options();
  options.password = "secret";
  CHECK(failure_of(*make_redis_cache(options)).code == Errc::timed_out);
}

TEST_CASE("answers without end are cut off at the limit of a record", "[redis]") {
  for (const char* head : {"$99999999999\r\n", "+"}) {
    CAPTURE(head);
    FakeServer server(flood(head));
    RedisOptions options = server.options();
    options.command_timeout = 60s;  // the limit is to end it, not the clock
    const Failure failure = failure_of(*make_redis_cache(options));
    CHECK(failure.code == Errc::io_error);
    CHECK(failure.what == std::string("cache: the server's reply is too long"));
  }
}

TEST_CASE("what does not speak the protocol is a failing server, not a damaged record", "[redis]") {
  for (const char* answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "*2000000000\r\n", "\x01\x02\r\n"}) {
    CAPTURE(answer);
    FakeServer server(answers(answer));
    const Failure failure = failure_of(*make_redis_cache(server.options()));
    CHECK(failure.code == Errc::io_error);
    CHECK(failure.what == std::string("cache: the server does not speak the Redis protocol"));
  }
}

TEST_CASE("answers of another kind than the question are failures", "[redis]") {
  for (const char* answer : {":1\r\n", "*0\r\n", "$-1\r\n"}) {
    FakeServer server(answers(answer));
    CHECK(failure_of(*make_redis_cache(server.options())).code == Errc::io_error);
  }
  FakeServer number(answers(":1\r\n"));
  CHECK_FALSE(make_redis_cache(number.options())->put(digest_of(1), {}));
  for (const char* answer : {"+OK\r\n", ":1\r\n", "*1\r\n+0\r\n", "*2\r\n:0\r\n*0\r\n"}) {
    FakeServer server(answers(answer));
    CHECK_FALSE(make_redis_cache(server.options())->stats());
    if (answer[0] == '+') CHECK_FALSE(make_redis_cache(server.options())->erase(digest_of(1)));
  }
}

TEST_CASE("a server that refuses commands is asked on, over one connection", "[redis]") {
  FakeServer server(answers("-LOADING Redis is loading the dataset in memory\r\n"));
  const auto backend = make_redis_cache(server.options());
  for (int i = 0; i < 10; ++i) CHECK(failure_of(*backend).what == std::string("cache: the server refuses the command"));
  CHECK(server.connections() == 1);
}

TEST_CASE("a refused password is said to be one", "[redis]") {
  FakeServer server(answers("-WRONGPASS invalid username-password pair\r\n"));
  RedisOptions options = server.options();
  options.password = "hush";
  CHECK(failure_of(*make_redis_cache(options)).what == std::string("cache: the server refuses the password"));
}

TEST_CASE("a connection that the server closed is replaced without a failure", "[redis]") {
  FakeServer server([](int fd) {
    std::array<char, 4096> buffer;
    if (recv(fd, buffer.data(), buffer.size(), 0) > 0) send(fd, "$1\r\nx\r\n", 7, MSG_NOSIGNAL);
  });
  const auto backend = make_redis_cache(server.options());
  for (int i = 0; i < 5; ++i) REQUIRE(backend->get(digest_of(1)));
  CHECK(server.connections() == 5);
}

TEST_CASE("an answer that is cut is a failure", "[redis]") {
  FakeServer server([](int fd) { send(fd, "$5\r\nabc", 7, MSG_NOSIGNAL); });
  CHECK(failure_of(*make_redis_cache(server.options())).code == Errc::io_error);
}

TEST_CASE("an answer that nobody asked for is never taken for the next one", "[redis]") {
  FakeServer server(answers("$1\r\nx\r\n$1\r\ny\r\n"));
  const auto backend = make_redis_cache(server.options());
  for (int i = 0; i < 3; ++i) {
    const auto got = backend->get(digest_of(1));
    REQUIRE(got);
    CHECK((*got)->at(0) == std::byte{'x'});
  }
  CHECK(server.connections() == 3);
}

TEST_CASE("a server that comes back is used again", "[redis]") {
  std::atomic<bool> broken{true};
  FakeServer server([&](int fd) {
    if (!broken) answers("$1\r\nx\r\n")(fd);
  });
  RedisOptions options = server.options();
  options.pause = 1ms;
  const auto backend = make_redis_cache(options);
  (void)failure_of(*backend);
  broken = false;
  while (!backend->get(digest_of(1))) std::this_thread::sleep_for(1ms);
  CHECK(backend->get(digest_of(1)));
}

TEST_CASE("a failing server changes no result", "[redis]") {
  const Workshop shop;
  const auto file = shop.file("model", "content");
  FakeServer silent(read_to_end);
  FakeServer nonsense(answers("nonsense\r\n"));
  FakeServer forger(answers("$8\r\nMAUDIT\x1a\n\r\n"));
  for (const RedisOptions& options : {nobody(), silent.options(), nonsense.options(), forger.options()}) {
    CacheManager cache(make_redis_cache(options), secret_of(1));
    for (int i = 0; i < 3; ++i) CHECK(content_of(cached(cache, file)) == "content");
    const CacheStats stats = cache.run_stats();
    CHECK(stats.hits == 0);
    CHECK(stats.misses == 3);
    CHECK(stats.rejected + stats.backend_failures >= 3);
    CHECK_THROWS_AS(cache.stats(), Error);
    CHECK_THROWS_AS(cache.clear(), Error);
  }
}

TEST_CASE("threads that meet a silent server together wait once", "[redis]") {
  FakeServer server(read_to_end);
  const auto backend = make_redis_cache(server.options());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) (void)backend->get(digest_of(1)).has_value();
    });
  }
  threads.clear();
  CHECK(server.connections() <= 8);
}
