#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/sha256.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::io {

/// Bytes of a file between two multiples of which a range is cut into pieces.
constexpr std::uint64_t k_digest_piece = std::uint64_t{1} << 20;

/// Most ranges that a digest is taken of.
constexpr std::size_t k_most_digest_ranges = 65536;

/// The digest of what ranges of a file hold:
///
///   digest = SHA-256( piece* ), piece = offset length SHA-256(bytes), numbers as u64 little-endian
///
/// over the ranges in their order, each cut where the file's offset is a multiple of k_digest_piece. A range that goes on
/// where the last one ended is part of it. Cut so, pieces can be hashed in any order and by several threads.
class RangeDigest {
 public:
  /// The bytes at `offset`, in order within a range.
  void add(std::uint64_t offset, std::span<const std::byte> bytes) noexcept;
  /// A whole piece that was hashed elsewhere.
  void add_piece(ByteRange piece, const Digest& digest) noexcept;
  Digest finish() noexcept;

 private:
  void end_piece() noexcept;

  FieldHasher pieces_{"modelaudit ranges 1"};
  Sha256 piece_;
  std::uint64_t begin_ = 0;  ///< of the piece
  std::uint64_t at_ = 0;     ///< where the next byte would go on
};

/// Ranges that were read and the digest of what was there.
struct DigestedRanges {
  std::vector<ByteRange> ranges;
  Digest digest{};
};

/// What positioned reads returned, as it was returned: ranges in the order of the reads, and their digest.
class ReadRecord {
 public:
  void add(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Nothing when there were more than k_most_digest_ranges.
  std::optional<DigestedRanges> finish();

 private:
  std::vector<ByteRange> ranges_;
  RangeDigest digest_;
  bool too_many_ = false;
};

/// Sorted, disjoint ranges with small gaps between them taken in, when there are more than k_most_digest_ranges: a trace
/// may be widened. They may still be too many.
std::vector<ByteRange> widened(std::vector<ByteRange> ranges);

/// The digest of ranges of an open file, by positioned reads. A Failure when a range cannot be read or lies outside.
Result<Digest> digest_of_ranges(int fd, std::span<const ByteRange> ranges);

/// The SHA-256 of the first `size` bytes of an open file; a Failure when it cannot be read or is shorter.
Result<Digest> digest_of_file(int fd, std::uint64_t size);

}  // namespace modelaudit::io
