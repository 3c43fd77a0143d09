/// @file
/// The result cache on a Redis server, for fleets that scan the same models on many hosts.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "modelaudit/cache.hpp"
#include "modelaudit/export.hpp"

namespace modelaudit {

/// Where the server is and how long it may take.
struct RedisOptions {
  std::string host = "localhost";
  std::uint16_t port = 6379;
  std::string unix_socket;     ///< path of the server's socket; when given, host and port do not count
  unsigned database = 0;
  std::string user;            ///< for servers with access control lists; empty: the default user
  std::string password;        ///< empty: none is sent. Never shown
  std::string prefix = "modelaudit:1:";  ///< of every key; 1 is the layout. Keys that begin otherwise are never touched
  std::chrono::milliseconds connect_timeout{100};  ///< name look-up, connection and password together
  std::chrono::milliseconds command_timeout{200};  ///< from the first byte sent to the last byte received
  /// A server that failed, or that took a command_timeout altogether in slow answers, is not asked again for so long;
  /// twice as long after each further failure, 5 minutes at most.
  std::chrono::milliseconds pause{10'000};
  /// Entries go so long after they were written; nullopt: when the server needs room or somebody removes them.
  std::optional<std::chrono::seconds> max_age = std::chrono::hours{30 * 24};
};

/// Reads `redis://[[user][:password]@]host[:port][/database]` or `unix://[[user][:password]@]/path`, with percent-encoding in
/// user, password and path. `?db=database` and `timeout=milliseconds` (for both time limits) may follow, `&` between them.
///
/// @throws Error for anything else; the message never holds the password. `rediss://` (TLS) is not supported.
MODELAUDIT_EXPORT RedisOptions parse_redis_url(std::string_view url);

/// What parse_redis_url() read, without user and password: for reports.
MODELAUDIT_EXPORT std::string redis_address(const RedisOptions& options);

/// Records on a Redis server. The connection is made when the first record is asked for; a server that cannot be
/// reached, answers slowly or answers nonsense is a Failure of each call and costs one time-out in all.
///
/// Which records go first when the server is full is the server's business: `maxmemory-policy allkeys-lru` suits.
/// `last_used_s` is the server's idle time of a key; where its policy keeps none (LFU), the time of writing.
///
/// @throws Error when libhiredis is not installed, or for options that make no sense.
/// @par Threads  a connection for each call under way, kept for the next.
MODELAUDIT_EXPORT std::shared_ptr<CacheBackend> make_redis_cache(const RedisOptions& options);

}  // namespace modelaudit
