#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "io/sha256.hpp"

namespace modelaudit::io {

/// Hashes a mapping on a thread of its own, piece by piece (k_digest_piece), behind a scan that reads it from its start:
/// the digest of a large input then costs the scan no time of its own where a core is free.
class HashFollower {
 public:
  explicit HashFollower(std::span<const std::byte> mapping);
  ~HashFollower();
  HashFollower(const HashFollower&) = delete;
  HashFollower& operator=(const HashFollower&) = delete;

  /// Everything before `end` has been handed out to the scan.
  void advance_to(std::uint64_t end) noexcept;
  /// Stops; the digests of the pieces from the start on, as far as it came.
  std::span<const Digest> finish() noexcept;

 private:
  void follow() noexcept;

  std::span<const std::byte> mapping_;
  std::vector<Digest> pieces_;
  std::size_t done_ = 0;                 ///< of `pieces_`; the thread's own until it ended
  std::atomic<std::uint64_t> ready_{0};  ///< whole pieces that may be hashed; k_stop added at the end
  std::thread thread_;
};

}  // namespace modelaudit::io
