/// @file
/// A pull reader for untrusted JSON (RFC 8259) that keeps nothing: no tree, no recursion, memory bounded by the depth and
/// by the longest escaped string. Duplicate keys are handed out like any others; whoever reads decides.
///
/// Grammar errors throw Malformed. What real parsers disagree on (byte order mark, invalid UTF-8, lone surrogates, raw
/// control characters, NaN and Infinity) is accepted and noted, so that a caller can say which readers would refuse it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/bytes.hpp"

namespace modelaudit::wire::json {

enum class Event : std::uint8_t {
  begin_object,
  end_object,
  begin_array,
  end_array,
  key,      ///< text() is the decoded name
  string,   ///< text() is the decoded value
  number,   ///< text() is the number as written
  boolean,  ///< text() is "true" or "false"
  null,
  end,      ///< the root value is complete
};

/// What strict readers refuse or readers treat differently.
enum class Quirk : std::uint8_t {
  byte_order_mark,
  invalid_utf8,
  lone_surrogate,     ///< \ud800-\udfff without its partner; decoded as the three bytes of its code point
  control_character,  ///< raw byte below 0x20 in a string
  non_finite,         ///< NaN, Infinity, -Infinity
};
inline constexpr std::size_t k_quirks = 5;

struct Limits {
  std::uint32_t depth = 128;                        ///< open containers
  std::uint64_t string = std::uint64_t{64} << 20;   ///< bytes of a string that holds escapes, decoded
};

class Reader {
 public:
  explicit Reader(ByteView text, Limits limits = {});

  /// The next event. Throws Malformed for broken grammar (malformed), an unfinished document (truncated) or a limit.
  /// After `end` it goes on returning `end`; rest() then is what follows the document.
  Event next();
  /// Text of the latest key, string, number or boolean; valid until the next call of next().
  std::string_view text() const noexcept { return text_; }
  /// Absolute offset of the latest token's first byte.
  std::uint64_t token_offset() const noexcept { return input_.offset() + token_; }
  /// Containers that are open after the latest event.
  std::uint32_t depth() const noexcept { return static_cast<std::uint32_t>(open_.size()); }
  /// After begin_object or begin_array: skips to the matching end, still checking the grammar. Returns the deepest
  /// nesting met on the way.
  std::uint32_t skip_container();
  /// What follows the latest token.
  ByteView rest() const noexcept { return input_.from(pos_); }
  /// Where `quirk` was met first.
  std::optional<std::uint64_t> quirk(Quirk quirk) const noexcept { return quirks_[static_cast<std::size_t>(quirk)]; }

 private:
  enum class State : std::uint8_t { value, first_value_or_end, first_key_or_end, key, colon, comma_or_end, done };

  Event read_value();
  Event open(bool object);
  Event close(bool object);
  void after_value() noexcept { state_ = open_.empty() ? State::done : State::comma_or_end; }
  void skip_space() noexcept;
  void read_string();
  void read_escaped_string(std::uint64_t begin);
  void append_escape();
  void append_code_point(std::uint32_t code_point);
  std::uint32_t read_hex4();
  Event read_number();
  void expect_literal(std::string_view literal);
  void note(Quirk quirk, std::uint64_t pos) noexcept;
  void check_utf8(std::uint64_t begin, std::uint64_t end) noexcept;
  std::uint8_t byte_at(std::uint64_t pos) const;
  [[noreturn]] void refuse(const char* what) const;

  ByteView input_;
  Limits limits_;
  std::uint64_t pos_ = 0;    // of the next byte
  std::uint64_t token_ = 0;  // of the latest token
  State state_ = State::value;
  std::vector<bool> open_;   // one bit a container: true for an object
  std::string_view text_;
  std::string decoded_;      // of the latest string that had escapes
  std::optional<std::uint64_t> quirks_[k_quirks];
};

/// A JSON number as an unsigned integer: digits only, no sign, fraction, exponent or leading zero, below 2^64.
std::optional<std::uint64_t> as_u64(std::string_view number) noexcept;

}  // namespace modelaudit::wire::json
