#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis_reply.hpp"
#include "io/file.hpp"
#include "modelaudit/redis.hpp"

namespace modelaudit::cache {

using RedisClock = std::chrono::steady_clock;
using RedisCommand = std::vector<std::string_view>;

/// One connection to a Redis server. Every call ends by its deadline.
class RedisConnection {
 public:
  /// Connects, sends the password and chooses the database. A Failure `timed_out` or `io_error`.
  static Result<std::unique_ptr<RedisConnection>> open(const RedisOptions& options, RedisClock::time_point deadline);

  /// Sends the commands at once and reads a reply for each; `max_bytes` for all replies together. After a Failure the
  /// connection is of no more use.
  Result<std::vector<RedisReply>> run(std::span<const RedisCommand> commands, std::uint64_t max_bytes,
                                      RedisClock::time_point deadline);

  /// Still open and with nothing to read: what comes unasked belongs to no command of ours.
  bool is_quiet() const;

 private:
  explicit RedisConnection(io::Descriptor socket);
  Result<void> send(std::string_view bytes, RedisClock::time_point deadline);

  io::Descriptor socket_;
  RedisReplyReader reader_;
};

}  // namespace modelaudit::cache
