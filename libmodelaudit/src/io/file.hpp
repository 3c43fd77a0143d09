#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "io/range_digest.hpp"
#include "modelaudit/auditor.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/trace.hpp"

struct stat;

namespace modelaudit::io {

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  /// Gives the descriptor away; the caller closes it.
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Opens a regular file for reading without ever blocking (FIFOs, devices: refused), following links.
Result<Descriptor> open_regular(const std::filesystem::path& path);

/// What the system says about a file as an identity; `path` is left empty.
FileIdentity identity_from(const struct stat& info);
/// The same of the regular file that a path leads to, links followed. One system call.
Result<FileIdentity> identity_at(const std::filesystem::path& path);
/// The same of an open file.
Result<FileIdentity> identity_of(int fd);

/// A file opened once: bytes by range, mapped or by position. Views live as long as the object.
class FileReader {
 public:
  virtual ~FileReader();
  /// Size when it was opened, in bytes.
  virtual std::uint64_t size() const noexcept = 0;
  /// A range that lies inside the file. Throws Malformed (io_error, changed) when it cannot be read any more.
  virtual ByteView bytes(std::uint64_t offset, std::uint64_t length) = 0;
  /// Reads into a buffer of the caller's; for readers that cannot keep what they read.
  virtual void read_into(std::uint64_t offset, std::span<std::byte> into) = 0;
  /// True when views cost nothing and any range may be asked for at once.
  virtual bool is_mapped() const noexcept = 0;
  /// True once the file is known to be shorter than it was when it was opened.
  virtual bool shrank() const noexcept = 0;

  /// From here on, the bytes that are read are hashed. To be called before the first read.
  virtual void begin_digest() = 0;
  /// What was read and its digest; `handed_out` are the ranges that were, sorted and disjoint. Positioned reads: exactly
  /// the bytes that were returned, in the order of the reads. A mapping: what those ranges hold now. Nothing when there
  /// are too many ranges.
  virtual std::optional<DigestedRanges> end_digest(const std::vector<ByteRange>& handed_out) = 0;
};

/// Does the file lie on a local file system that stamps a change time of the kernel's own clock on every change?
bool keeps_change_times(int fd);

/// Opens a reader on a descriptor that stays the caller's and outlives the reader.
/// ReadStrategy::automatic maps where keeps_change_times(). Mapping falls back to positioned reads where it cannot be had.
/// Of a mapped file, about `window` bytes of pages are kept in memory at a time; views on what was let go stay valid, and
/// fetch it again.
Result<std::unique_ptr<FileReader>> open_reader(int fd, std::uint64_t size, ReadStrategy strategy,
                                                std::uint64_t window = LargeFileOptions{}.window_bytes);

}  // namespace modelaudit::io
