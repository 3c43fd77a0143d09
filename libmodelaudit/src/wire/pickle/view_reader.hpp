/// @file
/// A ForwardReader over bytes that are at hand: a walk over a probe's head, a stream that begins inside a window.
#pragma once

#include <algorithm>

#include "modelaudit/scanner.hpp"

namespace modelaudit::wire::pickle {

/// Positions are the view's own, so offsets in findings need no correction. Stable as long as the view's bytes are.
class ViewReader final : public ForwardReader {
 public:
  explicit ViewReader(ByteView view) noexcept : view_(view) {}

  std::uint64_t position() const noexcept override { return view_.offset() + at_; }
  ByteView window(std::uint64_t) override { return view_.from(at_); }
  std::uint64_t advance(std::uint64_t n) override {
    const std::uint64_t moved = std::min(n, view_.size() - at_);
    at_ += moved;
    return moved;
  }
  std::uint64_t max_window() const noexcept override { return view_.size(); }
  bool stable() const noexcept override { return true; }
  std::optional<std::uint64_t> size() const noexcept override { return view_.offset() + view_.size(); }

 private:
  ByteView view_;
  std::uint64_t at_ = 0;
};

}  // namespace modelaudit::wire::pickle
