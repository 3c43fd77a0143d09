#include "sources/double.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

extern char** environ;

namespace modelaudit::test {

ArtifactoryDouble::ArtifactoryDouble() {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::string script = std::string(MODELAUDIT_TEST_DIR) + "/artifactory.py";
  std::string python = MODELAUDIT_PYTHON;
  std::string flag = "-B";
  char* words[] = {python.data(), flag.data(), script.data(), nullptr};
  const int failed = posix_spawn(&child_, python.c_str(), &actions, nullptr, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  keep_alive_ = in[1];
  if (failed != 0) throw std::runtime_error("the double cannot be started");
  std::FILE* said = fdopen(out[0], "r");
  const int read = std::fscanf(said, "%hu %hu", &port_, &other_port_);
  std::fclose(said);
  if (read != 2) throw std::runtime_error("the double does not say its ports");
}

ArtifactoryDouble::~ArtifactoryDouble() {
  close(keep_alive_);
  waitpid(child_, nullptr, 0);
}

SourceOptions ArtifactoryDouble::options() const {
  SourceOptions options;
  options.jfrog.hosts = {host()};
  options.allowed_hosts = {host()};
  options.retry_wait = std::chrono::milliseconds(1);
  return options;
}

}  // namespace modelaudit::test
