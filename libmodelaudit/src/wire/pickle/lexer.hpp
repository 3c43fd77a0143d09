/// @file
/// Lexer: opcodes and operands in order, over any ForwardReader. Knows encodings, not meanings.
#pragma once

#include <cstdint>
#include <string_view>

#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"
#include "wire/pickle/opcodes.hpp"

namespace modelaudit::wire::pickle {

/// One opcode with its operand. `data` is a view into the reader's window: valid until the next opcode is read.
struct Token {
  std::uint8_t code = 0;
  std::uint64_t offset = 0;      ///< of the opcode byte, from the start of the input
  std::uint64_t number = 0;      ///< numeric operand; signed ones are sign-extended
  std::uint64_t data_offset = 0; ///< of the operand's data
  std::uint64_t data_size = 0;   ///< its size as declared, all of it present in the input
  ByteView data;                 ///< the data, or its head when it is larger than `k_data_window`
  ByteView second;               ///< second line of GLOBAL and INST
};

/// Why the lexer stopped.
enum class LexStatus : std::uint8_t {
  ok,
  end,         ///< the input ends where an opcode should stand
  truncated,   ///< the input ends inside an operand
  invalid,     ///< not an opcode
  bad_length,  ///< negative length
  long_line,   ///< no newline within `k_max_line`
};

/// Largest text operand: 8 MiB. Protocol 0 lines are numbers and names; real ones are far below.
inline constexpr std::uint64_t k_max_line = std::uint64_t{8} << 20;
/// Data operands up to this size are handed out whole; of larger ones the head, so that weights are not read.
inline constexpr std::uint64_t k_data_window = std::uint64_t{1} << 16;

/// Reads from the reader's position on. The reader's own position lags behind until sync().
class Lexer {
 public:
  explicit Lexer(ForwardReader& in) : in_(&in), window_(ByteView({}, in.position())) {}

  /// The next opcode and its operand. Every length is checked against what is there before anything is read.
  LexStatus next(Token& token);

  std::uint64_t position() const noexcept { return window_.offset() + pos_; }
  /// Puts the reader where the lexer stands.
  void sync();
  /// After the reader was moved by somebody else.
  void resume();

  // --- for the machine's inner loop: fixed-size operands straight from the window ------------------------------
  /// At least `n` bytes in the window? Refills when needed.
  bool ensure(std::uint64_t n) { return window_.size() - pos_ >= n || refill(n); }
  /// Passes over what is left of the last literal; false when the input ends before. Needed before ensure() only after
  /// operand(); next() does it.
  bool settle() { return skip_after_ == 0 || skip(); }
  std::uint8_t peek(std::uint64_t i) const noexcept { return window_[pos_ + i]; }
  void bump(std::uint64_t n) noexcept { pos_ += n; }
  ByteView ahead(std::uint64_t skip, std::uint64_t n) const noexcept { return window_.clip(pos_ + skip, n); }
  /// Decodes the operand of the opcode that stands at position(); moves behind it.
  LexStatus operand(std::uint8_t code, Token& token);
  ForwardReader& reader() noexcept { return *in_; }
  const ByteView& window() const noexcept { return window_; }

 private:
  bool refill(std::uint64_t n);
  bool skip();
  LexStatus line(std::uint64_t from, ByteView& text);
  LexStatus data(std::uint64_t header, std::uint64_t size, Token& token);

  ForwardReader* in_;
  ByteView window_;
  std::uint64_t pos_ = 0;
  std::uint64_t skip_after_ = 0;  ///< rest of a large literal of an unstable input, passed over before the next opcode
  bool exhausted_ = false;  ///< the window reaches the end of the input
};

}  // namespace modelaudit::wire::pickle
