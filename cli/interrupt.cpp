#include "interrupt.hpp"

#include <unistd.h>

namespace modelaudit::cli {

namespace {

constexpr int k_interrupted = 130;
constexpr int k_done = SIGUSR1;  // sent by the destructor, to this thread alone

}  // namespace

InterruptWatch::InterruptWatch() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, k_done}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  waiter_ = std::thread([this] { wait(); });
}

InterruptWatch::~InterruptWatch() {
  pthread_kill(waiter_.native_handle(), k_done);
  waiter_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void InterruptWatch::wait() {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    if (signal == k_done) return;
    if (!stop_.request_stop()) ::_exit(k_interrupted);
  }
}

}  // namespace modelaudit::cli
