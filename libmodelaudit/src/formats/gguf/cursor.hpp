/// @file
/// Integers and strings of one byte order, in order, over an input of any size.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::formats::gguf_layout {

enum class Endian : std::uint8_t { little, big };

/// Reads throw Malformed (truncated) at the end of the input. Views are valid until the next read.
class Cursor {
 public:
  explicit Cursor(ForwardReader& in, Endian endian = Endian::little)
      : in_(in), endian_(endian), size_(in.size()), window_(ByteView({}, in.position())) {}

  void set_endian(Endian endian) noexcept { endian_ = endian; }
  Endian endian() const noexcept { return endian_; }
  std::uint64_t offset() const noexcept { return window_.offset() + pos_; }
  /// Bytes left, where the size of the input is known.
  std::optional<std::uint64_t> remaining() const noexcept {
    return size_ ? std::optional(*size_ - offset()) : std::nullopt;
  }
  /// False when fewer than `n` bytes are left, as far as that is known.
  bool may_hold(std::uint64_t n) const noexcept { return n <= remaining().value_or(n); }
  bool at_end() { return !ensure(1); }

  template <std::unsigned_integral T>
  T read() {
    need(sizeof(T));
    const auto value = endian_ == Endian::little ? window_.le<T>(pos_) : window_.be<T>(pos_);
    pos_ += sizeof(T);
    return *value;
  }
  std::uint32_t u32() { return read<std::uint32_t>(); }
  std::uint64_t u64() { return read<std::uint64_t>(); }
  /// The next `n` bytes. Throws Malformed (limit) beyond what the input can hand out at once.
  ByteView take(std::uint64_t n) {
    need(n);
    const ByteView out = window_.clip(pos_, n);
    pos_ += n;
    return out;
  }
  void skip(std::uint64_t n);

 private:
  bool ensure(std::uint64_t n) { return window_.size() - pos_ >= n || refill(n); }
  void need(std::uint64_t n);
  bool refill(std::uint64_t n);

  ForwardReader& in_;
  Endian endian_;
  std::optional<std::uint64_t> size_;
  ByteView window_;
  std::uint64_t pos_ = 0;
};

}  // namespace modelaudit::formats::gguf_layout
