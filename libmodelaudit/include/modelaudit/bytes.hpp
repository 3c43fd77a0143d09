/// @file
/// ByteView and ByteReader: the only door to hostile bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "modelaudit/error.hpp"
#include "modelaudit/export.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit {

/// a * b, or nothing when it does not fit 64 bits.
constexpr std::optional<std::uint64_t> checked_mul(std::uint64_t a, std::uint64_t b) noexcept {
  if (a != 0 && b > std::numeric_limits<std::uint64_t>::max() / a) return std::nullopt;
  return a * b;
}

/// a + b, or nothing when it does not fit 64 bits.
constexpr std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) noexcept {
  if (b > std::numeric_limits<std::uint64_t>::max() - a) return std::nullopt;
  return a + b;
}

/// A window on an input that knows where in the input it lies. Non-owning; cheap to copy.
class ByteView {
 public:
  constexpr ByteView() noexcept = default;
  constexpr explicit ByteView(std::span<const std::byte> bytes, std::uint64_t offset = 0) noexcept
      : bytes_(bytes), base_(offset) {}

  constexpr std::uint64_t size() const noexcept { return bytes_.size(); }
  constexpr bool empty() const noexcept { return bytes_.empty(); }
  /// Absolute offset of the first byte in the input.
  constexpr std::uint64_t offset() const noexcept { return base_; }
  constexpr std::span<const std::byte> span() const noexcept { return bytes_; }
  /// Unchecked by contract (i < size()); for loops that have compared against size() already.
  constexpr std::uint8_t operator[](std::uint64_t i) const noexcept { return static_cast<std::uint8_t>(bytes_[i]); }

  /// The part [offset, offset + length), counted from this view's start. The sum is never formed, so it cannot wrap.
  Result<ByteView> sub(std::uint64_t offset, std::uint64_t length) const noexcept {
    if (length > size() || offset > size() - length) return Failure{Errc::truncated, base_, "range outside the data"};
    return ByteView(bytes_.subspan(offset, length), base_ + offset);
  }
  /// As sub(), cut to what is there: never fails, may be shorter or empty.
  constexpr ByteView clip(std::uint64_t offset, std::uint64_t length) const noexcept {
    if (offset >= size()) return ByteView({}, base_ + size());
    const std::uint64_t rest = size() - offset;
    return ByteView(bytes_.subspan(offset, length < rest ? length : rest), base_ + offset);
  }
  constexpr ByteView first(std::uint64_t n) const noexcept { return clip(0, n); }
  constexpr ByteView from(std::uint64_t offset) const noexcept {
    return clip(offset, std::numeric_limits<std::uint64_t>::max());
  }

  /// The bytes as characters, for comparisons with literals. No encoding is implied.
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  bool starts_with(std::string_view literal) const noexcept { return text().substr(0, literal.size()) == literal; }
  /// True when `literal` stands at `offset` from this view's start.
  bool has(std::uint64_t offset, std::string_view literal) const noexcept {
    return clip(offset, literal.size()).text() == literal;
  }
  /// First position of `literal` at or after `from` (relative to this view), or nothing. Linear time.
  MODELAUDIT_EXPORT std::optional<std::uint64_t> find(std::string_view literal, std::uint64_t from = 0) const noexcept;
  /// True when every byte has the value `b` (also when empty).
  MODELAUDIT_EXPORT bool all(std::uint8_t b) const noexcept;

  /// Unsigned little-endian integer at `offset` from this view's start, or nothing.
  template <std::unsigned_integral T>
  std::optional<T> le(std::uint64_t offset) const noexcept {
    if (sizeof(T) > size() || offset > size() - sizeof(T)) return std::nullopt;
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>((*this)[offset + i]) << (8 * i));
    return value;
  }
  /// Unsigned big-endian integer at `offset` from this view's start, or nothing.
  template <std::unsigned_integral T>
  std::optional<T> be(std::uint64_t offset) const noexcept {
    if (sizeof(T) > size() || offset > size() - sizeof(T)) return std::nullopt;
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= static_cast<T>(static_cast<T>((*this)[offset + i]) << (8 * (sizeof(T) - 1 - i)));
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t base_ = 0;
};

/// The bytes of a string or literal as a view.
inline ByteView as_view(std::string_view text, std::uint64_t offset = 0) noexcept {
  return ByteView(std::as_bytes(std::span<const char>(text.data(), text.size())), offset);
}

/// Forward cursor over a ByteView. advance() is the only place that moves; a read that fails leaves the position.
class MODELAUDIT_EXPORT ByteReader {
 public:
  explicit ByteReader(ByteView view) noexcept : view_(view) {}

  std::uint64_t remaining() const noexcept { return view_.size() - pos_; }
  bool at_end() const noexcept { return remaining() == 0; }
  /// Absolute offset of the next byte: goes into findings as it is.
  std::uint64_t offset() const noexcept { return view_.offset() + pos_; }
  /// What is left, without moving.
  ByteView rest() const noexcept { return view_.from(pos_); }

  /// For probes: an integer, or a Failure; the position moves only on success.
  template <std::unsigned_integral T>
  Result<T> try_le() noexcept {
    const auto value = view_.le<T>(pos_);
    if (!value) return Failure{Errc::truncated, offset(), "data ends inside an integer"};
    pos_ += sizeof(T);
    return *value;
  }
  template <std::unsigned_integral T>
  Result<T> try_be() noexcept {
    const auto value = view_.be<T>(pos_);
    if (!value) return Failure{Errc::truncated, offset(), "data ends inside an integer"};
    pos_ += sizeof(T);
    return *value;
  }
  Result<ByteView> try_take(std::uint64_t n) noexcept {
    auto part = view_.sub(pos_, n);
    if (!part) return Failure{Errc::truncated, offset(), "data ends inside a field"};
    pos_ += n;
    return part;
  }

  /// For parser bodies: an integer; throws Malformed when the data ends.
  template <std::unsigned_integral T>
  T le() {
    const auto value = view_.le<T>(pos_);
    if (!value) throw_malformed(Errc::truncated, offset(), "data ends inside an integer");
    pos_ += sizeof(T);
    return *value;
  }
  template <std::unsigned_integral T>
  T be() {
    const auto value = view_.be<T>(pos_);
    if (!value) throw_malformed(Errc::truncated, offset(), "data ends inside an integer");
    pos_ += sizeof(T);
    return *value;
  }
  /// The next `n` bytes as a view of their own; throws Malformed when there are fewer.
  ByteView take(std::uint64_t n) {
    const auto part = try_take(n);
    if (!part) throw_malformed(part.error().code, part.error().offset, part.error().what);
    return *part;
  }
  void skip(std::uint64_t n) { (void)take(n); }
  /// A count of records of at least `min_size` bytes each; refused when the rest of the input cannot hold them.
  template <std::unsigned_integral T>
  std::uint64_t count(std::uint64_t min_size) {
    const std::uint64_t at = offset();
    const std::uint64_t n = le<T>();
    if (min_size != 0 && n > remaining() / min_size) throw_malformed(Errc::truncated, at, "more records declared than the input can hold");
    return n;
  }
  void expect_magic(std::string_view magic);
  /// Throws Malformed when bytes are left.
  void expect_end() const;
  [[noreturn]] void refuse(Errc code, const char* what) const { throw_malformed(code, offset(), what); }

 private:
  ByteView view_;
  std::uint64_t pos_ = 0;
};

}  // namespace modelaudit
