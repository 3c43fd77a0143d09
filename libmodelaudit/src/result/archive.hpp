#pragma once

// Wrappers round cereal's portable binary archives that never let it size a container: cereal resizes to a stored
// length before it reads a byte, so that 8 hostile bytes can cost gigabytes. Included by binary.cpp only.

#include <cereal/archives/portable_binary.hpp>
#include <concepts>
#include <cstdint>
#include <istream>
#include <limits>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <vector>

namespace modelaudit::result {

/// The bytes are not a binary result, or a result is too large for the form. Never leaves binary.cpp.
struct BadArchive : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Read-only stream over bytes in memory that knows how many are left.
class SpanBuffer : public std::streambuf {
 public:
  explicit SpanBuffer(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::uint64_t left() const noexcept { return rest_.size(); }

 protected:
  std::streamsize xsgetn(char* into, std::streamsize wanted) override {
    const auto n = std::min(rest_.size(), static_cast<std::size_t>(wanted));
    const auto part = std::as_writable_bytes(std::span(into, n));
    std::copy_n(rest_.begin(), n, part.begin());
    rest_ = rest_.subspan(n);
    return static_cast<std::streamsize>(n);
  }

 private:
  std::span<const std::byte> rest_;
};

/// Stream that appends to a vector.
class VectorBuffer : public std::streambuf {
 public:
  std::vector<std::byte> bytes;

 protected:
  std::streamsize xsputn(const char* from, std::streamsize n) override {
    const auto part = std::as_bytes(std::span(from, static_cast<std::size_t>(n)));
    bytes.insert(bytes.end(), part.begin(), part.end());
    return n;
  }
  int_type overflow(int_type c) override {
    bytes.push_back(static_cast<std::byte>(c));
    return c;
  }
};

class Saver {
 public:
  explicit Saver(std::ostream& out) : archive_(out) {}

  template <std::integral T>
  void number(T value) {
    archive_(value);
  }
  void flag(bool value) { number(static_cast<std::uint8_t>(value ? 1 : 0)); }
  template <typename E>
  void choice(E value, E, E) {
    number(static_cast<std::uint8_t>(value));
  }
  void text(const std::string& value) {
    count(value.size());
    archive_(cereal::binary_data(value.data(), value.size()));
  }
  template <std::size_t N>
  void fixed(const std::array<std::uint8_t, N>& value) {
    archive_(cereal::binary_data(value.data(), N));
  }
  template <typename T, typename Each>
  void list(const std::vector<T>& values, std::uint64_t, Each each) {
    count(values.size());
    for (const T& value : values) each(*this, value);
  }
  template <typename T, typename Each>
  void optional(const std::optional<T>& value, Each each) {
    flag(value.has_value());
    if (value) each(*this, *value);
  }
  /// A path that usually equals the result's own: a flag instead of the text when it does.
  void own_path(const std::string& value, const std::string& own) {
    flag(value == own);
    if (value != own) text(value);
  }

 private:
  void count(std::size_t n) {
    if (n > std::numeric_limits<std::uint32_t>::max()) throw BadArchive("result: too large for its binary form");
    number(static_cast<std::uint32_t>(n));
  }

  cereal::PortableBinaryOutputArchive archive_;
};

class Loader {
 public:
  /// The archive reads its byte-order mark at once, so `buffer` must not be empty.
  Loader(std::istream& in, const SpanBuffer& buffer) : archive_(in), buffer_(buffer) {}

  template <std::integral T>
  void number(T& value) {
    archive_(value);
  }
  void flag(bool& value) {
    std::uint8_t raw = 0;
    number(raw);
    if (raw > 1) throw BadArchive("result: a flag is neither 0 nor 1");
    value = raw == 1;
  }
  /// An enumerator from `first` to `last`; nothing else is let in.
  template <typename E>
  void choice(E& value, E first, E last) {
    std::uint8_t raw = 0;
    number(raw);
    if (raw < static_cast<std::uint8_t>(first) || raw > static_cast<std::uint8_t>(last)) {
      throw BadArchive("result: unknown enumerator");
    }
    value = static_cast<E>(raw);
  }
  void text(std::string& value) {
    value.resize(count(1));
    archive_(cereal::binary_data(value.data(), value.size()));
  }
  template <std::size_t N>
  void fixed(std::array<std::uint8_t, N>& value) {
    archive_(cereal::binary_data(value.data(), N));
  }
  /// `min_size` is the length in bytes of the shortest element.
  template <typename T, typename Each>
  void list(std::vector<T>& values, std::uint64_t min_size, Each each) {
    values.resize(count(min_size));
    for (T& value : values) each(*this, value);
  }
  template <typename T, typename Each>
  void optional(std::optional<T>& value, Each each) {
    bool present = false;
    flag(present);
    if (present) each(*this, value.emplace());
  }
  void own_path(std::string& value, const std::string& own) {
    bool same = false;
    flag(same);
    if (same) {
      value = own;
    } else {
      text(value);
    }
  }

 private:
  /// A count of elements of at least `min_size` bytes each, refused when the rest cannot hold them.
  std::uint32_t count(std::uint64_t min_size) {
    std::uint32_t n = 0;
    number(n);
    if (n > buffer_.left() / min_size) throw BadArchive("result: more elements declared than bytes are left");
    return n;
  }

  cereal::PortableBinaryInputArchive archive_;
  const SpanBuffer& buffer_;
};

}  // namespace modelaudit::result
