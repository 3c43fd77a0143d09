#include "cache/redis_socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace modelaudit::cache {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Failure k_unreachable{Errc::io_error, 0, "cache: the server cannot be reached"};
constexpr Failure k_unknown_host{Errc::io_error, 0, "cache: the server's name is not known"};
constexpr Failure k_too_late{Errc::timed_out, 0, "cache: the server did not answer in time"};

std::chrono::nanoseconds left(Clock::time_point deadline) {
  return std::max(std::chrono::nanoseconds{0}, std::chrono::nanoseconds{deadline - Clock::now()});
}

struct Addresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, Addresses>;

/// A question to the resolver, which answers from a thread of its own: plain getaddrinfo() may take as long as it likes.
struct Question {
  std::string host;
  std::string port;
  addrinfo hints{};
  gaicb block{};
};

/// Keeps a question that was not answered in time until the resolver's thread, which still writes to it, is done.
void keep_until_answered(std::unique_ptr<Question> question) {
  struct Waiting {
    std::mutex mutex;
    std::vector<std::unique_ptr<Question>> questions;
  };
  static auto* const waiting = new Waiting;  // never destroyed: the resolver may outlive main()
  const std::lock_guard lock(waiting->mutex);
  std::erase_if(waiting->questions, [](const auto& asked) {
    if (gai_error(&asked->block) == EAI_INPROGRESS) return false;
    if (asked->block.ar_result != nullptr) freeaddrinfo(asked->block.ar_result);
    return true;
  });
  waiting->questions.push_back(std::move(question));
}

Result<AddressList> resolve(const RedisOptions& options, Clock::time_point deadline) {
  auto question = std::make_unique<Question>();
  question->host = options.host;
  question->port = std::to_string(options.port);
  question->hints.ai_socktype = SOCK_STREAM;
  question->hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(question->host.c_str(), question->port.c_str(), &question->hints, &found) == 0) return AddressList(found);

  question->hints.ai_flags = AI_ADDRCONFIG;
  question->block.ar_name = question->host.c_str();
  question->block.ar_service = question->port.c_str();
  question->block.ar_request = &question->hints;
  gaicb* list[] = {&question->block};
  if (getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr) != 0) return k_unknown_host;
  while (gai_error(&question->block) == EAI_INPROGRESS && left(deadline).count() > 0) {
    const auto rest = left(deadline).count();
    const timespec wait{static_cast<time_t>(rest / 1'000'000'000), static_cast<long>(rest % 1'000'000'000)};
    (void)gai_suspend(list, 1, &wait);
  }
  if (gai_error(&question->block) == EAI_INPROGRESS && gai_cancel(&question->block) == EAI_NOTCANCELED) {
    keep_until_answered(std::move(question));
    return k_too_late;
  }
  AddressList addresses(question->block.ar_result);
  if (gai_error(&question->block) != 0 || !addresses) return left(deadline).count() > 0 ? k_unknown_host : k_too_late;
  return addresses;
}

Result<io::Descriptor> connect_one(const sockaddr* address, socklen_t size, Clock::time_point deadline) {
  io::Descriptor fd(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return k_unreachable;
  if (connect(fd.get(), address, size) == 0) return fd;
  if (errno != EINPROGRESS && errno != EINTR) return k_unreachable;
  if (!wait_until_ready(fd.get(), POLLOUT, deadline)) return k_too_late;
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) return k_unreachable;
  return fd;
}

Result<io::Descriptor> connect_unix(const std::string& path, Clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Failure{Errc::io_error, 0, "cache: the socket's path is too long"};
  std::copy(path.begin(), path.end(), address.sun_path);
  return connect_one(reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline);  // as POSIX wants it
}

}  // namespace

bool wait_until_ready(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    // Rounded up, so that the last part of a millisecond is not spent spinning.
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(left(deadline)).count();
    pollfd waiting{fd, events, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(rest));
    if (ready > 0) return true;
    if ((ready < 0 && errno != EINTR) || left(deadline).count() == 0) return false;
  }
}

Result<io::Descriptor> connect_to(const RedisOptions& options, Clock::time_point deadline) {
  if (!options.unix_socket.empty()) return connect_unix(options.unix_socket, deadline);
  const auto addresses = resolve(options, deadline);
  if (!addresses) return addresses.error();
  Result<io::Descriptor> fd = k_unreachable;
  for (const addrinfo* one = addresses->get(); one != nullptr; one = one->ai_next) {
    fd = connect_one(one->ai_addr, one->ai_addrlen, deadline);
    if (fd || fd.error().code == Errc::timed_out) break;
  }
  if (fd) {
    const int on = 1;  // commands are small and wait for their answer
    (void)setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return fd;
}

}  // namespace modelaudit::cache
