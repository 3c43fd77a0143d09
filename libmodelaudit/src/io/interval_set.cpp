#include "io/interval_set.hpp"

#include <algorithm>

#include "modelaudit/bytes.hpp"

namespace modelaudit::io {

void IntervalSet::add(std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return;
  if (!checked_add(offset, length)) return;
  if (!ranges_.empty()) {
    ByteRange& last = ranges_.back();
    if (offset >= last.offset && offset <= last.offset + last.length) {
      last.length = std::max(last.length, offset + length - last.offset);
      return;
    }
    if (offset < last.offset) sorted_ = false;
  }
  ranges_.push_back({offset, length});
  // Re-reading the same places over and over must not grow the list without bound.
  if (ranges_.size() > compact_at_) {
    merged();
    compact_at_ = std::max<std::size_t>(1024, ranges_.size() * 2);
  }
}

const std::vector<ByteRange>& IntervalSet::merged() {
  if (!sorted_) {
    std::sort(ranges_.begin(), ranges_.end(), [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
    sorted_ = true;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    const ByteRange range = ranges_[i];
    if (kept > 0 && range.offset <= ranges_[kept - 1].offset + ranges_[kept - 1].length) {
      ByteRange& last = ranges_[kept - 1];
      last.length = std::max(last.length, range.offset + range.length - last.offset);
    } else {
      ranges_[kept++] = range;
    }
  }
  ranges_.resize(kept);
  return ranges_;
}

std::uint64_t IntervalSet::total() {
  std::uint64_t sum = 0;
  for (const ByteRange& range : merged()) sum += range.length;
  return sum;
}

std::vector<ByteRange> IntervalSet::holes(std::uint64_t size) {
  std::vector<ByteRange> out;
  std::uint64_t at = 0;
  for (const ByteRange& range : merged()) {
    if (range.offset >= size) break;
    if (range.offset > at) out.push_back({at, range.offset - at});
    at = range.offset + range.length;
  }
  if (at < size) out.push_back({at, size - at});
  return out;
}

}  // namespace modelaudit::io
