/// @file
/// Readers over a part of the input that is being scanned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "modelaudit/scanner.hpp"

namespace modelaudit::io {

/// A range in order through ScanContext::bytes(); hands out no more than is asked for, so that glances stay glances.
class GlanceReader final : public ForwardReader {
 public:
  explicit GlanceReader(ByteView view) : view_(view) {}
  std::uint64_t position() const noexcept override { return position_; }
  ByteView window(std::uint64_t) override { return ByteView(view_.from(position_).span(), position_); }
  std::uint64_t advance(std::uint64_t n) override {
    const std::uint64_t step = std::min(n, view_.size() - position_);
    position_ += step;
    return step;
  }
  std::uint64_t max_window() const noexcept override { return view_.size(); }
  bool stable() const noexcept override { return true; }
  std::optional<std::uint64_t> size() const noexcept override { return view_.size(); }

 private:
  ByteView view_;
  std::uint64_t position_ = 0;
};

/// A range in order through a stream of the whole input; for data of any size. Positions count from its start.
class RangeReader final : public ForwardReader {
 public:
  RangeReader(ScanContext& context, ByteRange range) : inner_(context.stream()), range_(range) {
    inner_->advance(range.offset);
  }
  std::uint64_t position() const noexcept override { return inner_->position() - range_.offset; }
  ByteView window(std::uint64_t min) override {
    const std::uint64_t rest = range_.length - position();
    const ByteView view = inner_->window(std::min(std::max<std::uint64_t>(min, 1), rest)).first(rest);
    return ByteView(view.span(), position());
  }
  std::uint64_t advance(std::uint64_t n) override { return inner_->advance(std::min(n, range_.length - position())); }
  std::uint64_t max_window() const noexcept override { return inner_->max_window(); }
  bool stable() const noexcept override { return inner_->stable(); }
  std::optional<std::uint64_t> size() const noexcept override { return range_.length; }

 private:
  std::unique_ptr<ForwardReader> inner_;
  ByteRange range_;
};

}  // namespace modelaudit::io
