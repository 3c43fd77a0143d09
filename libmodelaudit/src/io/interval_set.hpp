#pragma once

#include <cstdint>
#include <vector>

#include "modelaudit/scanner.hpp"

namespace modelaudit::io {

/// Ranges of an input, merged when asked for. Appending neighbours (the common case) costs nothing.
class IntervalSet {
 public:
  void add(std::uint64_t offset, std::uint64_t length);
  /// Sorted, disjoint, non-touching ranges.
  const std::vector<ByteRange>& merged();
  /// Total length of the merged ranges.
  std::uint64_t total();
  /// The parts of [0, size) that no range covers.
  std::vector<ByteRange> holes(std::uint64_t size);
  bool empty() const noexcept { return ranges_.empty(); }

 private:
  std::vector<ByteRange> ranges_;
  bool sorted_ = true;
  std::size_t compact_at_ = 1024;
};

}  // namespace modelaudit::io
