#include "io/read_ahead.hpp"

#include <algorithm>

namespace modelaudit::io {
namespace {

constexpr std::uint64_t k_small_file = std::uint64_t{1} << 20;
// A range this small costs less in faults than in calls.
constexpr std::uint64_t k_small_range = std::uint64_t{32} << 10;
// Fetched ahead of a caller that reads in order.
constexpr std::uint64_t k_ahead = std::uint64_t{8} << 20;

}  // namespace

ReadAhead::ReadAhead(std::uint64_t file_size) noexcept : size_(file_size > k_small_file ? file_size : 0) {}

std::optional<ByteRange> ReadAhead::expect(std::uint64_t offset, std::uint64_t length) noexcept {
  if (!active() || length < k_small_range) return std::nullopt;
  const bool in_order = to_ > 0 && offset >= from_ && offset <= to_;
  const std::uint64_t end = offset + length;
  if (in_order && end <= to_) return std::nullopt;
  if (!in_order) {
    from_ = offset;
    to_ = end;
    return ByteRange{offset, length};
  }
  const std::uint64_t start = to_;
  to_ = std::min(size_, end + k_ahead);
  return ByteRange{start, to_ - start};
}

}  // namespace modelaudit::io
