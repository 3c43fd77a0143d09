#include "io/range_digest.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace modelaudit::io {
namespace {

constexpr std::uint64_t k_buffer = std::uint64_t{256} << 10;
constexpr std::uint64_t k_small_gap = 4096;  // one page: read anyway

/// Hands out [range) of the file in order, by parts; false when it cannot be read whole.
template <typename Visit>
bool read_parts(int fd, ByteRange range, std::vector<std::byte>& buffer, Visit visit) {
  while (range.length != 0) {
    const std::uint64_t want = std::min(range.length, k_buffer);
    if (buffer.size() < want) buffer.resize(want);
    const ssize_t got = pread(fd, buffer.data(), want, static_cast<off_t>(range.offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    visit(range.offset, std::span<const std::byte>(buffer).first(static_cast<std::size_t>(got)));
    range.offset += static_cast<std::uint64_t>(got);
    range.length -= static_cast<std::uint64_t>(got);
  }
  return true;
}

constexpr Failure k_unreadable{Errc::io_error, 0, "cannot be read whole"};

}  // namespace

void RangeDigest::add(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return;
  if (offset != at_) {
    end_piece();
    begin_ = at_ = offset;
  }
  while (!bytes.empty()) {
    const std::uint64_t end = (begin_ / k_digest_piece + 1) * k_digest_piece;
    const std::uint64_t part = std::min<std::uint64_t>(bytes.size(), end - at_);
    piece_.update(bytes.first(part));
    bytes = bytes.subspan(part);
    at_ += part;
    if (at_ == end) end_piece();
  }
}

void RangeDigest::add_piece(ByteRange piece, const Digest& digest) noexcept {
  end_piece();
  pieces_.number(piece.offset).number(piece.length).digest(digest);
  begin_ = at_ = piece.offset + piece.length;
}

Digest RangeDigest::finish() noexcept {
  end_piece();
  return pieces_.finish();
}

void RangeDigest::end_piece() noexcept {
  if (at_ == begin_) return;
  pieces_.number(begin_).number(at_ - begin_).digest(std::exchange(piece_, Sha256()).finish());
  begin_ = at_;
}

void ReadRecord::add(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (too_many_ || bytes.empty()) return;
  if (!ranges_.empty() && ranges_.back().offset + ranges_.back().length == offset) {
    ranges_.back().length += bytes.size();
  } else if (ranges_.size() < k_most_digest_ranges) {
    ranges_.push_back({offset, bytes.size()});
  } else {
    too_many_ = true;
    return;
  }
  digest_.add(offset, bytes);
}

std::optional<DigestedRanges> ReadRecord::finish() {
  if (too_many_) return std::nullopt;
  return DigestedRanges{std::move(ranges_), digest_.finish()};
}

std::vector<ByteRange> widened(std::vector<ByteRange> ranges) {
  if (ranges.size() <= k_most_digest_ranges) return ranges;
  std::size_t kept = 0;
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    ByteRange& last = ranges[kept];
    if (ranges[i].offset - (last.offset + last.length) <= k_small_gap) {
      last.length = ranges[i].offset + ranges[i].length - last.offset;
    } else {
      ranges[++kept] = ranges[i];
    }
  }
  ranges.resize(kept + 1);
  return ranges;
}

Result<Digest> digest_of_ranges(int fd, std::span<const ByteRange> ranges) {
  RangeDigest digest;
  std::vector<std::byte> buffer;
  for (const ByteRange& range : ranges) {
    const auto visit = [&](std::uint64_t offset, std::span<const std::byte> bytes) { digest.add(offset, bytes); };
    if (!read_parts(fd, range, buffer, visit)) return k_unreadable;
  }
  return digest.finish();
}

Result<Digest> digest_of_file(int fd, std::uint64_t size) {
  Sha256 hash;
  std::vector<std::byte> buffer;
  const auto visit = [&](std::uint64_t, std::span<const std::byte> bytes) { hash.update(bytes); };
  if (!read_parts(fd, {0, size}, buffer, visit)) return k_unreadable;
  return hash.finish();
}

}  // namespace modelaudit::io
