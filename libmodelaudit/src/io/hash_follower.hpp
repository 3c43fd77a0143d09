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
  /// Helps with what is left, then stops; the digests of all whole pieces that were handed out.
  std::span<const Digest> finish() noexcept;

 private:
  void follow() noexcept;
  void hash_up_to(std::uint64_t end) noexcept;

  std::span<const std::byte> mapping_;
  std::vector<Digest> pieces_;
  std::atomic<std::uint64_t> next_{0};   ///< piece that nobody has taken on yet
  std::atomic<std::uint64_t> ready_{0};  ///< whole pieces that may be hashed; k_stop added at the end
  std::thread thread_;
};

}  // namespace modelaudit::io
