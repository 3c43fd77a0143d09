#pragma once

#include <cstdint>
#include <optional>

#include "modelaudit/scanner.hpp"

namespace modelaudit::io {

/// Decides what of a mapped file the kernel should fetch, so that a scan of the structure leaves the weights on the disk.
///
/// Left to itself the kernel reads around each fault by the device's read-ahead, megabytes for the one page with a
/// tensor's first bytes. Here a fault brings its own page, a larger range is fetched as it is handed out, and only a
/// caller that goes on where it stopped has the next megabytes fetched before it asks.
class ReadAhead {
 public:
  explicit ReadAhead(std::uint64_t file_size) noexcept;
  /// Small files are left to the kernel's own read-ahead.
  bool active() const noexcept { return size_ > 0; }
  /// Called before a range inside the file is handed out; what to fetch now, if anything.
  std::optional<ByteRange> expect(std::uint64_t offset, std::uint64_t length) noexcept;

 private:
  std::uint64_t size_;
  std::uint64_t from_ = 0;  ///< [from_, to_) was fetched
  std::uint64_t to_ = 0;
};

}  // namespace modelaudit::io
