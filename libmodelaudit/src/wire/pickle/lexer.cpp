#include "wire/pickle/lexer.hpp"

#include <algorithm>

namespace modelaudit::wire::pickle {

namespace {

/// Windows are asked for in this size, so that opcodes are not read one by one.
constexpr std::uint64_t k_step = std::uint64_t{1} << 16;

}  // namespace

bool Lexer::refill(std::uint64_t n) {
  if (exhausted_) return window_.size() - pos_ >= n;
  const std::uint64_t wanted = std::min(std::max(n, k_step), in_->max_window());
  sync();
  window_ = in_->window(wanted);
  pos_ = 0;
  const auto total = in_->size();
  exhausted_ = window_.size() < wanted || (total && window_.offset() + window_.size() >= *total);
  return window_.size() >= n;
}

void Lexer::sync() {
  if (pos_ == 0) return;
  in_->advance(pos_);
  resume();
}

void Lexer::resume() {
  window_ = ByteView({}, in_->position());
  pos_ = 0;
  exhausted_ = false;
}

bool Lexer::skip() {
  const std::uint64_t target = position() + skip_after_;
  in_->advance(pos_ + skip_after_);
  skip_after_ = 0;
  resume();
  return position() == target;
}

LexStatus Lexer::next(Token& token) {
  if (!settle()) return LexStatus::truncated;
  if (!ensure(1)) return LexStatus::end;
  return operand(peek(0), token);
}

LexStatus Lexer::line(std::uint64_t from, ByteView& text) {
  // The window grows by powers of two: a newline is looked for once in every byte.
  std::uint64_t searched = from;
  for (std::uint64_t want = from + 128;; want *= 4) {
    ensure(std::min(want, from + k_max_line + 1));
    const ByteView rest = window_.from(pos_);
    if (const auto end = rest.find("\n", searched)) {
      text = rest.clip(from, *end - from);
      return text.size() > k_max_line ? LexStatus::long_line : LexStatus::ok;
    }
    if (rest.size() - from > k_max_line) return LexStatus::long_line;
    if (rest.size() < want) return exhausted_ ? LexStatus::truncated : LexStatus::long_line;
    searched = rest.size();
  }
}

LexStatus Lexer::data(std::uint64_t header, std::uint64_t size, Token& token) {
  token.data_offset = position() + header;
  token.data_size = size;
  const std::uint64_t cap = in_->stable() ? k_data_window : std::max(k_data_window, in_->max_window() / 2);
  const std::uint64_t wanted = std::min(size, cap);
  if (!ensure(header + wanted)) return LexStatus::truncated;
  token.data = window_.clip(pos_ + header, wanted);
  if (size <= window_.size() - pos_ - header) {
    pos_ += header + size;
    return LexStatus::ok;
  }
  if (const auto total = in_->size(); total && size > *total - token.data_offset) return LexStatus::truncated;
  if (!in_->stable()) {
    // Moving on makes the view stale; what must be kept of such a literal is the caller's to copy before the next call.
    skip_after_ = size - wanted;
    pos_ += header + wanted;
    return LexStatus::ok;
  }
  pos_ += header;
  in_->advance(pos_ + size);
  const bool complete = in_->position() == token.data_offset + size;
  resume();
  return complete ? LexStatus::ok : LexStatus::truncated;
}

LexStatus Lexer::operand(std::uint8_t code, Token& token) {
  const OpcodeInfo& info = opcode_info(code);
  token.code = code;
  token.offset = position();
  const auto fixed = [&](std::uint64_t width) {
    if (!ensure(1 + width)) return false;
    token.number = 0;
    for (std::uint64_t i = 0; i < width; ++i) token.number |= static_cast<std::uint64_t>(peek(1 + i)) << (8 * i);
    return true;
  };
  const auto number = [&](std::uint64_t width) {
    if (!fixed(width)) return LexStatus::truncated;
    bump(1 + width);
    return LexStatus::ok;
  };
  const auto sized = [&](std::uint64_t width) {
    if (!fixed(width)) return LexStatus::truncated;
    return data(1 + width, token.number, token);
  };
  switch (info.operand) {
    case Operand::invalid: return LexStatus::invalid;
    case Operand::none: bump(1); return LexStatus::ok;
    case Operand::u8: return number(1);
    case Operand::u16: return number(2);
    case Operand::u32: return number(4);
    case Operand::u64: return number(8);
    case Operand::i32: {
      const LexStatus status = number(4);
      token.number = static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(token.number)));
      return status;
    }
    case Operand::f64: return number(8);
    case Operand::bytes1: return sized(1);
    case Operand::bytes4: return sized(4);
    case Operand::bytes8: return sized(8);
    case Operand::bytes_s4: {
      if (!fixed(4)) return LexStatus::truncated;
      if (token.number > 0x7fffffff) return LexStatus::bad_length;
      return data(5, token.number, token);
    }
    case Operand::line: {
      const LexStatus status = line(1, token.data);
      if (status != LexStatus::ok) return status;
      token.data_offset = token.offset + 1;
      token.data_size = token.data.size();
      bump(2 + token.data.size());
      return status;
    }
    case Operand::two_lines: {
      ByteView first;
      LexStatus status = line(1, first);
      if (status != LexStatus::ok) return status;
      status = line(2 + first.size(), token.second);  // may move the window: the first line is taken anew
      if (status != LexStatus::ok) return status;
      token.data = window_.clip(pos_ + 1, first.size());
      token.data_offset = token.offset + 1;
      token.data_size = token.data.size();
      bump(3 + token.data.size() + token.second.size());
      return status;
    }
  }
  return LexStatus::invalid;
}

}  // namespace modelaudit::wire::pickle
