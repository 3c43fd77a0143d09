#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/file.hpp"
#include "modelaudit/redis.hpp"

namespace modelaudit::test {

/// A server on loopback that does to each connection what the test says. `serve` gets the connection's descriptor and
/// may block in it; the descriptor is closed after it, or shut down when the object goes.
class FakeServer {
 public:
  explicit FakeServer(std::function<void(int)> serve);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  RedisOptions options() const;
  int connections() const noexcept { return connections_; }

 private:
  void accept_all();

  std::function<void(int)> serve_;
  io::Descriptor listening_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> workers_;
  std::thread acceptor_;
};

/// Blocks until the other side closes.
void read_to_end(int fd);
/// Answers every request (whatever one recv() brings) with `answer`, until the other side closes.
std::function<void(int)> answers(std::string answer);

}  // namespace modelaudit::test
