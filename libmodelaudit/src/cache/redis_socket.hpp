#pragma once

#include <chrono>

#include "io/file.hpp"
#include "modelaudit/redis.hpp"

namespace modelaudit::cache {

/// Waits until a descriptor can be read (or written); false when the deadline passes first.
bool wait_until_ready(int fd, short events, std::chrono::steady_clock::time_point deadline);

/// A connected, non-blocking socket. A Failure `timed_out` or `io_error`.
Result<io::Descriptor> connect_to(const RedisOptions& options, std::chrono::steady_clock::time_point deadline);

}  // namespace modelaudit::cache
