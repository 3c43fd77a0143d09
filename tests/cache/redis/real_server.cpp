#include "real_server.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "cache/redis_connection.hpp"

namespace modelaudit::test {
namespace {

constexpr std::chrono::seconds k_patience{60};  // against a hang; nothing is measured

}  // namespace

bool has_redis_server() {
  std::istringstream folders(std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/redis-server").c_str(), X_OK) == 0) return true;
  }
  std::puts("redis-server is not installed");
  return false;
}

RealServer::RealServer(std::vector<std::string> more) : more_(std::move(more)) {
  REQUIRE(chmod(folder_.path().c_str(), 0755) == 0);  // children run as another user
  start();
}

RealServer::~RealServer() { kill(); }

void RealServer::start() {
  const std::string folder = folder_.path().string();
  std::vector<std::string> words{"redis-server", "--port",       "0",  "--unixsocket", socket(), "--unixsocketperm", "777",
                                 "--save",       "",             "--dir", folder,      "--daemonize", "no",
                                 "--logfile",    folder + "/log"};
  words.insert(words.end(), more_.begin(), more_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  process_ = fork();
  REQUIRE(process_ >= 0);
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  while (tell({"PING"}).empty()) {
    REQUIRE(waitpid(process_, nullptr, WNOHANG) == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

RedisOptions RealServer::options() const {
  RedisOptions options;
  options.unix_socket = socket();
  options.connect_timeout = options.command_timeout = k_patience;
  return options;
}

std::string RealServer::tell(std::vector<std::string> command) const {
  const auto deadline = cache::RedisClock::now() + k_patience;
  auto connection = cache::RedisConnection::open(options(), deadline);
  if (!connection) return {};
  const cache::RedisCommand words(command.begin(), command.end());
  const auto replies = (*connection)->run(std::span(&words, 1), 1 << 20, deadline);
  if (!replies) return {};
  const cache::RedisReply& reply = replies->front();
  using Kind = cache::RedisReply::Kind;
  if (reply.kind == Kind::error) return "-" + reply.text;
  return reply.kind == Kind::number ? std::to_string(reply.number) : reply.text;
}

void RealServer::signal(int number) const { REQUIRE(::kill(process_, number) == 0); }

void RealServer::kill() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

}  // namespace modelaudit::test
