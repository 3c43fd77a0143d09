#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "io/file.hpp"
#include "io/interval_set.hpp"
#include "modelaudit/budget.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::engine {

/// What one level of a scan reads: a file, a range of its parent, a decoded buffer or a decoder.
class Input {
 public:
  virtual ~Input();
  virtual std::optional<std::uint64_t> size() const noexcept = 0;
  /// A range inside the input, kept for the whole scan of it. Throws Malformed.
  virtual ByteView bytes(std::uint64_t offset, std::uint64_t length) = 0;
  virtual std::unique_ptr<ForwardReader> stream() = 0;
  /// A range of the input in order; its positions count from the range's start.
  virtual std::unique_ptr<ForwardReader> stream_of(ByteRange range);
  virtual bool is_stream() const noexcept { return false; }
  /// What ended the decoding of this input before its end, if anything did.
  virtual std::optional<Failure> damage() const noexcept { return std::nullopt; }
};

/// The top-level file; records which ranges were handed out.
class FileInput final : public Input {
 public:
  /// Told how much of the file the scan has read, each time it has read a good deal more.
  using ReadCallback = std::function<void(std::uint64_t done, std::uint64_t size)>;

  /// `step`: bytes of progress between two calls of `on_read`.
  FileInput(io::FileReader& reader, io::IntervalSet& reads, Budget& budget, ReadCallback on_read, std::uint64_t step)
      : reader_(reader), reads_(reads), held_(budget), on_read_(std::move(on_read)), step_(step) {}
  std::optional<std::uint64_t> size() const noexcept override { return reader_.size(); }
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override;
  std::unique_ptr<ForwardReader> stream() override;
  std::unique_ptr<ForwardReader> stream_of(ByteRange range) override;

 private:
  void tell(std::uint64_t offset, std::uint64_t length);

  io::FileReader& reader_;
  io::IntervalSet& reads_;
  MemoryCharge held_;
  ReadCallback on_read_;
  std::uint64_t step_;
  ByteRange last_;          ///< handed out
  std::uint64_t done_ = 0;  ///< bytes handed out, those once only that a window shares with the last
  std::uint64_t told_ = 0;  ///< of them, at the last call of on_read_
};

/// Bytes in memory: a host's span, or a decoded child that the object owns.
class BufferInput final : public Input {
 public:
  explicit BufferInput(std::span<const std::byte> bytes) : bytes_(bytes) {}
  BufferInput(std::vector<std::byte> owned, std::optional<Failure> damage)
      : owned_(std::move(owned)), bytes_(owned_), damage_(damage) {}
  std::optional<std::uint64_t> size() const noexcept override { return bytes_.size(); }
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override;
  std::unique_ptr<ForwardReader> stream() override;
  std::optional<Failure> damage() const noexcept override { return damage_; }

 private:
  std::vector<std::byte> owned_;
  std::span<const std::byte> bytes_;
  std::optional<Failure> damage_;
};

/// A range of the parent, zero-copy.
class RangeInput final : public Input {
 public:
  RangeInput(Input& parent, ByteRange range) : parent_(parent), range_(range) {}
  std::optional<std::uint64_t> size() const noexcept override { return range_.length; }
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override;
  std::unique_ptr<ForwardReader> stream() override;
  std::unique_ptr<ForwardReader> stream_of(ByteRange range) override;

 private:
  Input& parent_;
  ByteRange range_;
};

/// A decoded child that is too large to hold: only in order, decoded anew for each reader.
class StreamInput final : public Input {
 public:
  StreamInput(Child::Decoder open, std::vector<std::byte> head, Budget& budget)
      : open_(std::move(open)), head_(std::move(head)), budget_(budget) {}
  std::optional<std::uint64_t> size() const noexcept override { return std::nullopt; }
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override;
  std::unique_ptr<ForwardReader> stream() override;
  bool is_stream() const noexcept override { return true; }
  std::optional<Failure> damage() const noexcept override { return damage_; }

  ByteView head() const noexcept { return ByteView(head_); }
  /// Bytes that the furthest reader has decoded.
  std::uint64_t decoded() const noexcept { return decoded_; }
  bool reached_end() const noexcept { return reached_end_; }

 private:
  friend class DecodingReader;
  Child::Decoder open_;
  std::vector<std::byte> head_;
  Budget& budget_;
  std::optional<Failure> damage_;
  std::uint64_t decoded_ = 0;
  bool reached_end_ = false;
};

/// Decodes a child: into memory when it fits `limits.buffered_bytes`, else as a stream.
std::unique_ptr<Input> open_decoded(const Child::Decoder& open, Budget& budget, MemoryCharge& held);

}  // namespace modelaudit::engine
