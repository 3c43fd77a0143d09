#include "cache/redis_connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "cache/redis_socket.hpp"

namespace modelaudit::cache {
namespace {

constexpr Failure k_closed{Errc::io_error, 0, "cache: the server closed the connection"};
constexpr Failure k_too_late{Errc::timed_out, 0, "cache: the server did not answer in time"};
// A folder listing of the server's own making comes in parts; nothing that we ask for has more items.
constexpr std::size_t k_max_items = std::size_t{1} << 16;
constexpr std::uint64_t k_small_replies = 4096;

bool must_wait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/// The commands in the server's protocol, one after the other.
Result<std::string> encode(std::span<const RedisCommand> commands) {
  std::string bytes;
  for (const RedisCommand& command : commands) {
    std::vector<const char*> words;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : command) {
      words.push_back(word.data());
      sizes.push_back(word.size());
    }
    char* text = nullptr;
    const int size = redis_library().format(&text, static_cast<int>(words.size()), words.data(), sizes.data());
    if (size < 0) return Failure{Errc::limit, 0, "cache: a command is too long"};
    bytes.append(text, static_cast<std::size_t>(size));
    redis_library().free_command(text);
  }
  return bytes;
}

}  // namespace

RedisConnection::RedisConnection(io::Descriptor socket) : socket_(std::move(socket)), reader_(k_max_items) {}

Result<std::unique_ptr<RedisConnection>> RedisConnection::open(const RedisOptions& options,
                                                               RedisClock::time_point deadline) {
  auto socket = connect_to(options, deadline);
  if (!socket) return socket.error();
  std::unique_ptr<RedisConnection> connection(new RedisConnection(std::move(*socket)));
  const std::string database = std::to_string(options.database);
  std::vector<RedisCommand> commands;
  if (!options.password.empty() && options.user.empty()) commands.push_back({"AUTH", options.password});
  if (!options.password.empty() && !options.user.empty()) commands.push_back({"AUTH", options.user, options.password});
  const bool has_password = !commands.empty();
  if (options.database != 0) commands.push_back({"SELECT", database});
  const auto replies = connection->run(commands, k_small_replies, deadline);
  if (!replies) return replies.error();
  for (std::size_t i = 0; i < replies->size(); ++i) {
    if ((*replies)[i].kind != RedisReply::Kind::error) continue;
    const bool password = has_password && i == 0;
    return password ? Failure{Errc::io_error, 0, "cache: the server refuses the password"}
                    : Failure{Errc::io_error, 0, "cache: the server refuses the database"};
  }
  return connection;
}

Result<void> RedisConnection::send(std::string_view bytes, RedisClock::time_point deadline) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (!must_wait()) {
      return k_closed;
    } else if (!wait_until_ready(socket_.get(), POLLOUT, deadline)) {
      return k_too_late;
    }
  }
  return {};
}

Result<std::vector<RedisReply>> RedisConnection::run(std::span<const RedisCommand> commands, std::uint64_t max_bytes,
                                                     RedisClock::time_point deadline) {
  std::vector<RedisReply> replies;
  const auto bytes = encode(commands);
  if (!bytes) return bytes.error();
  if (auto sent = send(*bytes, deadline); !sent) return sent.error();
  std::array<char, 65536> buffer;
  std::uint64_t received = 0;
  while (replies.size() < commands.size()) {
    auto reply = reader_.next();
    if (reply) {
      replies.push_back(std::move(*reply));
      continue;
    }
    if (reply.error().code != Errc::absent) return reply.error();
    if (!wait_until_ready(socket_.get(), POLLIN, deadline)) return k_too_late;
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size == 0 || (size < 0 && !must_wait())) return k_closed;
    if (size < 0) continue;
    received += static_cast<std::uint64_t>(size);
    if (received > max_bytes) return Failure{Errc::io_error, 0, "cache: the server's reply is too long"};
    if (auto fed = reader_.feed({buffer.data(), static_cast<std::size_t>(size)}); !fed) return fed.error();
  }
  return replies;
}

bool RedisConnection::is_quiet() const {
  pollfd waiting{socket_.get(), POLLIN, 0};
  return reader_.is_empty() && poll(&waiting, 1, 0) == 0;
}

}  // namespace modelaudit::cache
