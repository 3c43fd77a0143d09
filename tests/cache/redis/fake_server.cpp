#include "fake_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

namespace modelaudit::test {

FakeServer::FakeServer(std::function<void(int)> serve)
    : serve_(std::move(serve)), listening_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(listening_.get(), 16) == 0);
  REQUIRE(getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeServer::~FakeServer() {
  stopping_ = true;
  shutdown(listening_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& worker : workers_) worker.join();
  for (const int fd : open_) close(fd);
}

void FakeServer::accept_all() {
  while (!stopping_) {
    const int fd = accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    workers_.emplace_back([this, fd] {
      serve_(fd);
      shutdown(fd, SHUT_RDWR);
    });
  }
}

RedisOptions FakeServer::options() const {
  RedisOptions options;
  options.host = "127.0.0.1";
  options.port = port_;
  return options;
}

void read_to_end(int fd) {
  std::array<char, 4096> buffer;
  while (recv(fd, buffer.data(), buffer.size(), 0) > 0) {
  }
}

std::function<void(int)> answers(std::string answer) {
  return [answer = std::move(answer)](int fd) {
    std::array<char, 65536> buffer;
    while (recv(fd, buffer.data(), buffer.size(), 0) > 0) {
      if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
  };
}

}  // namespace modelaudit::test
