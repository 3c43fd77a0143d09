#pragma once

#include <chrono>
#include <mutex>

#include "modelaudit/redis.hpp"

namespace modelaudit::cache {

/// Decides whether a server is asked at all, so that one that is dead or slow costs a time-out and not one for each
/// file.
///
/// @par Threads  any number.
class RedisBreaker {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RedisBreaker(const RedisOptions& options);

  /// After a failure: no, until the pause is over; then yes to one caller, whose luck decides for all.
  bool allows(Clock::time_point now);
  void failed(Clock::time_point now);
  /// The server answered. Slow answers add up, and count as a failure when they reach one command's time limit.
  void answered(Clock::time_point now, Clock::duration took);

 private:
  void rest(Clock::time_point now);

  const Clock::duration first_pause_;
  const Clock::duration slow_from_;     ///< an answer that took so long is slow
  const Clock::duration slow_allowed_;  ///< for slow answers in a row, together
  std::mutex mutex_;
  bool resting_ = false;
  bool probing_ = false;  ///< one caller has gone to see whether the server is back
  Clock::time_point ask_again_{};
  Clock::duration pause_;
  Clock::duration slow_{};
};

}  // namespace modelaudit::cache
