#pragma once

// The few descriptor calls that the cache's files are made of, with EINTR and short transfers dealt with.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/file.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit::cache {

/// Reads a small regular file relative to a folder's descriptor; links and special files are refused. A Failure
/// `absent` when there is none, `malformed` when it is larger than `max_size`.
Result<std::vector<std::byte>> read_small_file(int folder, const std::string& name, std::uint64_t max_size,
                                               io::Descriptor* keep_open = nullptr);

/// Writes all of `bytes`.
Result<void> write_all(int fd, std::span<const std::byte> bytes);

/// Closes and reports what a plain close would swallow: some file systems find out only then that the disk is full.
Result<void> close_checked(io::Descriptor fd);

/// Fills `into` from the system's random numbers.
Result<void> random_bytes(std::span<std::byte> into);

/// A name for a temporary file that no other process or thread uses: `prefix`, process id, 16 random hex digits.
std::string temporary_name(const char* prefix);

/// Wall clock as file systems stamp it, in nanoseconds since the epoch.
std::int64_t file_clock_ns();

}  // namespace modelaudit::cache
