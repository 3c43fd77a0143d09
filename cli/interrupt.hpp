/// @file
/// Ctrl-C: the first stops the scan in good order, the second ends the program at once.
#pragma once

#include <pthread.h>

#include <csignal>
#include <stop_token>
#include <thread>

namespace modelaudit::cli {

/// While it lives, SIGINT and SIGTERM are taken by a thread that waits for them: the first requests a stop, the second
/// is _exit(130). To be made before any other thread, which then inherit the blocked signals.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void wait();

  sigset_t signals_;
  sigset_t before_;
  std::stop_source stop_;
  std::thread waiter_;
};

}  // namespace modelaudit::cli
