#include "cache/redis_breaker.hpp"

#include <catch2/catch.hpp>

using namespace modelaudit;
using cache::RedisBreaker;
using namespace std::chrono_literals;

namespace {

RedisOptions options() {
  RedisOptions o;
  o.command_timeout = 200ms;
  o.pause = 10s;
  return o;
}

const RedisBreaker::Clock::time_point k_begin{};

}  // namespace

TEST_CASE("after a failure a server is left alone for a while, then one caller tries", "[redis]") {
  RedisBreaker breaker(options());
  CHECK(breaker.allows(k_begin));
  breaker.failed(k_begin);
  CHECK_FALSE(breaker.allows(k_begin));
  CHECK_FALSE(breaker.allows(k_begin + 9s));
  CHECK(breaker.allows(k_begin + 10s));
  CHECK_FALSE(breaker.allows(k_begin + 10s));  // somebody is trying
  breaker.answered(k_begin + 10s, 1ms);
  CHECK(breaker.allows(k_begin + 10s));
}

TEST_CASE("each further failure doubles the pause, five minutes at most", "[redis]") {
  RedisBreaker breaker(options());
  auto now = k_begin;
  breaker.failed(now);
  for (const auto pause : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    CHECK_FALSE(breaker.allows(now + pause - 1ms));
    now += pause;
    CHECK(breaker.allows(now));
    breaker.failed(now);
  }
  CHECK(breaker.allows(now + 300s));
  breaker.answered(now + 300s, 1ms);
  breaker.failed(now + 301s);
  CHECK(breaker.allows(now + 311s));  // the first pause again
}

TEST_CASE("calls that fail together are one failure", "[redis]") {
  RedisBreaker breaker(options());
  for (int i = 0; i < 5; ++i) breaker.failed(k_begin);
  CHECK(breaker.allows(k_begin + 10s));
}

TEST_CASE("an answer to a question from before the failure proves nothing", "[redis]") {
  RedisBreaker breaker(options());
  breaker.failed(k_begin);
  breaker.answered(k_begin + 1ms, 1ms);
  CHECK_FALSE(breaker.allows(k_begin + 2ms));
}

TEST_CASE("slow answers are a failure once they took a time limit together", "[redis]") {
  RedisBreaker breaker(options());
  breaker.answered(k_begin, 120ms);
  CHECK(breaker.allows(k_begin));
  breaker.answered(k_begin, 1ms);
  breaker.answered(k_begin, 120ms);
  CHECK(breaker.allows(k_begin));
  breaker.answered(k_begin, 30ms);
  CHECK_FALSE(breaker.allows(k_begin));
}

TEST_CASE("quick answers never add up", "[redis]") {
  RedisBreaker breaker(options());
  for (int i = 0; i < 10'000; ++i) breaker.answered(k_begin, 24ms);
  CHECK(breaker.allows(k_begin));
}
