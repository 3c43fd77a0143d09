#pragma once

#include <sys/types.h>

#include <string>

#include "modelaudit/redis.hpp"
#include "support/folder.hpp"

namespace modelaudit::test {

/// False, and said so on standard output, where there is no redis-server: the test is skipped.
bool has_redis_server();

/// A redis-server of the test's own in a temporary folder. It goes with the object, and with the process.
class RealServer {
 public:
  /// `more` arguments, such as "--requirepass". Returns when the server answers.
  explicit RealServer(std::vector<std::string> more = {});
  ~RealServer();
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;

  /// Over its socket, with time-outs that a loaded machine keeps.
  RedisOptions options() const;
  /// With the same time-outs.
  std::string url() const { return "unix://" + socket() + "?timeout=60000"; }
  std::string socket() const { return (folder_ / "s").string(); }
  /// Runs one command as another client would; the answer as text, an error behind "-".
  std::string tell(std::vector<std::string> command) const;
  void signal(int number) const;
  /// SIGKILL, and waits until it is gone.
  void kill();
  void start();

 private:
  TemporaryFolder folder_;
  std::vector<std::string> more_;
  pid_t process_ = -1;
};

}  // namespace modelaudit::test
