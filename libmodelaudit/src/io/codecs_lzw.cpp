#include <algorithm>
#include <array>
#include <vector>

#include "io/codecs_step.hpp"

namespace modelaudit::io {
namespace {

/// compress(1), ".Z": 1F 9D, flags (low 5 bits: widest code 9 to 16; bit 7: block mode), then codes of growing width,
/// lowest bit first, written in groups of eight codes. Whenever the width changes, the rest of the group is padding.
class LzwDecoder final : public SteppedDecoder {
 public:
  explicit LzwDecoder(Feed feed) : SteppedDecoder(feed) {}

 private:
  static constexpr unsigned k_clear = 256;
  static constexpr unsigned k_least_bits = 9;
  static constexpr unsigned k_most_bits = 16;

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    Step done;
    while (true) {
      while (!pending_.empty() && done.made < out.size()) {
        out[static_cast<std::size_t>(done.made++)] = pending_.back();
        pending_.pop_back();
      }
      if (done.made == out.size()) return done;
      if (group_at_ < group_bits_) {
        if (!decode_code(done)) return done;
        continue;
      }
      if (done.taken == in.size()) {
        if (!in.empty() || header_size_ < header_.size()) return done;
        done.ended = group_size_ == 0;
        if (done.ended) return done;
        open_group();  // the rest of the last group holds the last codes
        continue;
      }
      if (!accept(in[static_cast<std::size_t>(done.taken++)], done)) return done;
    }
  }

  /// Collects the header, then a group of `bits_` bytes, which hold eight codes.
  bool accept(std::byte b, Step& done) {
    if (header_size_ < header_.size()) {
      header_[header_size_++] = b;
      return header_size_ < header_.size() || read_header(done);
    }
    group_[group_size_++] = b;
    if (group_size_ == bits_) open_group();
    return true;
  }

  void open_group() {
    group_bits_ = group_size_ * 8;
    group_at_ = 0;
    group_size_ = 0;
  }

  bool read_header(Step& done) {
    const auto flags = static_cast<unsigned>(header_[2]);
    most_bits_ = flags & 0x1f;
    block_mode_ = (flags & 0x80) != 0;
    if (header_[0] != std::byte{0x1f} || header_[1] != std::byte{0x9d} || most_bits_ < k_least_bits ||
        most_bits_ > k_most_bits || (flags & 0x60) != 0) {
      done.broken = "compress: not a header";
      return false;
    }
    prefix_.assign(std::size_t{1} << most_bits_, 0);
    last_.assign(std::size_t{1} << most_bits_, std::byte{0});
    for (unsigned i = 0; i < 256; ++i) last_[i] = static_cast<std::byte>(i);
    next_ = block_mode_ ? k_clear + 1 : k_clear;
    return true;
  }

  bool decode_code(Step& done) {
    if (group_bits_ - group_at_ < bits_) {
      group_at_ = group_bits_;  // a rest that is no whole code
      return true;
    }
    unsigned code = 0;
    for (unsigned i = 0; i < bits_; ++i, ++group_at_) {
      code |= ((static_cast<unsigned>(group_[group_at_ / 8]) >> (group_at_ % 8)) & 1U) << i;
    }
    if (block_mode_ && code == k_clear) {
      next_ = k_clear + 1;
      has_previous_ = false;
      set_bits(k_least_bits);
      return true;
    }
    if (code > next_ || (code == next_ && !has_previous_) || (code >= 256 && !has_previous_)) {
      done.broken = "compress: code that was never defined";
      return false;
    }
    emit(code);
    grow();
    previous_ = code;
    has_previous_ = true;
    return true;
  }

  /// The string of a code, last byte first. A code that is being defined right now is the previous string and its own
  /// first byte.
  void emit(unsigned code) {
    unsigned walk = code;
    if (code == next_) {
      pending_.push_back(first_);
      walk = previous_;
    }
    while (walk >= 256) {
      pending_.push_back(last_[walk]);
      walk = prefix_[walk];
    }
    first_ = static_cast<std::byte>(walk);
    pending_.push_back(first_);
  }

  void grow() {
    const unsigned table = 1U << most_bits_;
    if (!has_previous_ || next_ >= table) return;
    prefix_[next_] = static_cast<std::uint16_t>(previous_);
    last_[next_] = first_;
    ++next_;
    if (next_ == (1U << bits_) && bits_ < most_bits_) set_bits(bits_ + 1);
  }

  void set_bits(unsigned bits) {
    bits_ = bits;
    group_at_ = group_bits_;
  }

  const char* cut() const override { return "compress: header ends early"; }

  std::array<std::byte, 3> header_{};
  std::size_t header_size_ = 0;
  unsigned most_bits_ = k_most_bits;
  bool block_mode_ = true;
  unsigned bits_ = k_least_bits;
  unsigned next_ = k_clear + 1;
  unsigned previous_ = 0;
  bool has_previous_ = false;
  std::byte first_{0};
  std::vector<std::uint16_t> prefix_;
  std::vector<std::byte> last_;
  std::vector<std::byte> pending_;  ///< bounded by the number of codes, 65,536
  std::array<std::byte, k_most_bits> group_{};
  unsigned group_size_ = 0;
  unsigned group_bits_ = 0;
  unsigned group_at_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> make_lzw_decoder(Feed feed) { return std::make_unique<LzwDecoder>(feed); }

}  // namespace modelaudit::io
