/// @file
/// The few Python literals that NumPy's header is made of: strings, integers, True, False; the caller walks tuples,
/// lists and dicts. Strict on purpose: whatever is not in this list is refused, never evaluated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "modelaudit/bytes.hpp"

namespace modelaudit::formats::npy_layout {

class LiteralReader {
 public:
  explicit LiteralReader(ByteView text) : text_(text) {}

  /// First byte of the next token, 0 at the end. Skips white space.
  char peek();
  /// Consumes `c` when it comes next.
  bool accept(char c);
  void expect(char c, const char* what);
  /// A string: one or two quotes, Python's escapes decoded. Prefix `u` is accepted (Python 2), so is `b`.
  std::string string();
  /// A decimal integer, `-` and Python 2's `L` accepted; nothing when it does not fit.
  struct Integer {
    bool negative = false;
    std::optional<std::uint64_t> magnitude;
  };
  Integer integer();
  bool boolean();
  /// A bare name such as True.
  std::string_view word();
  std::uint64_t offset() const noexcept { return text_.offset() + pos_; }
  [[noreturn]] void refuse(const char* what) const;

 private:
  std::uint8_t take();
  void append_escape(std::string& out);
  std::uint32_t take_digits(int count, std::uint32_t base);

  ByteView text_;
  std::uint64_t pos_ = 0;
};

}  // namespace modelaudit::formats::npy_layout
