#include "cache/redis_breaker.hpp"

#include <algorithm>

namespace modelaudit::cache {
namespace {

constexpr std::chrono::minutes k_longest_pause{5};
constexpr int k_slow_part = 8;

}  // namespace

RedisBreaker::RedisBreaker(const RedisOptions& options)
    : first_pause_(options.pause),
      slow_from_(options.command_timeout / k_slow_part),
      slow_allowed_(options.command_timeout),
      pause_(options.pause) {}

bool RedisBreaker::allows(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!resting_) return true;
  if (now < ask_again_) return false;
  probing_ = true;
  ask_again_ = now + pause_;  // the others wait for what this caller finds
  return true;
}

void RedisBreaker::rest(Clock::time_point now) {
  if (resting_ && !probing_) return;  // calls that were under way together fail together: one failure
  if (resting_) pause_ = std::min<Clock::duration>(2 * pause_, std::max<Clock::duration>(k_longest_pause, first_pause_));
  resting_ = true;
  probing_ = false;
  ask_again_ = now + pause_;
  slow_ = {};
}

void RedisBreaker::failed(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  rest(now);
}

void RedisBreaker::answered(Clock::time_point now, Clock::duration took) {
  const std::lock_guard lock(mutex_);
  slow_ = took < slow_from_ ? slow_ / 2 : slow_ + took;
  if (slow_ >= slow_allowed_) return rest(now);
  if (!probing_) return;  // nothing to undo, or an answer to a question from before the failure
  resting_ = false;
  probing_ = false;
  pause_ = first_pause_;
}

}  // namespace modelaudit::cache
