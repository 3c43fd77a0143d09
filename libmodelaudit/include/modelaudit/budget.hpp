/// @file
/// Limits and the budget that counts them. Budgets are counted, not measured, so that the same bytes give the same
/// result on any machine; only the time limit depends on the clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "modelaudit/export.hpp"

namespace modelaudit {

/// Limits of one top-level file and everything inside it. The defaults suit an untrusted upload and no real model
/// is known to meet them. `std::nullopt` means no limit.
struct Limits {
  std::chrono::milliseconds time{3'600'000};               ///< wall clock for one file
  std::uint32_t depth = 24;                                ///< members within members, nested payloads included
  std::uint64_t members = 2'000'000;                       ///< members of all containers together
  std::uint64_t members_per_container = 200'000;           ///< members scanned of one container
  std::uint64_t decoded_bytes = std::uint64_t{32} << 30;   ///< bytes produced by decoders, in all
  std::uint64_t child_bytes = std::uint64_t{10} << 30;     ///< bytes produced by decoders for one member
  std::uint64_t buffered_bytes = std::uint64_t{64} << 20;  ///< bytes of one decoded member that are kept in memory
  std::uint64_t memory = std::uint64_t{1} << 30;           ///< bytes that parsers and buffers may hold at a time
  std::uint64_t opcodes = 1'000'000'000;                   ///< pickle opcodes with the full stack model
  std::uint64_t siblings = 10'000;                         ///< files beside it that are opened or looked for
  std::uint32_t findings_per_rule = 200;                   ///< kept per rule; more are counted
  std::optional<std::uint64_t> file_size;                  ///< larger files are not scanned

  bool operator==(const Limits&) const = default;
};

/// What is left of the limits, for one top-level file. Charging beyond a limit throws Malformed (Errc::limit), which
/// the engine records as a gap. Not thread-safe: one file is scanned by one thread.
class MODELAUDIT_EXPORT Budget {
 public:
  explicit Budget(const Limits& limits, std::stop_token stop = {});

  const Limits& limits() const noexcept { return limits_; }

  void charge_members(std::uint64_t n);
  void charge_decoded(std::uint64_t bytes);
  void charge_opcodes(std::uint64_t n);
  /// True while `n` more opcodes may run; for parsers that go on in a lighter mode instead of stopping.
  bool has_opcodes(std::uint64_t n) const noexcept { return n <= limits_.opcodes - opcodes_; }
  void charge_siblings(std::uint64_t n);
  std::uint64_t siblings_left() const noexcept { return limits_.siblings - siblings_; }
  void charge_memory(std::uint64_t bytes);
  void release_memory(std::uint64_t bytes) noexcept;
  std::uint64_t decoded_left() const noexcept { return limits_.decoded_bytes - decoded_; }
  std::uint64_t memory_left() const noexcept { return limits_.memory - memory_; }

  /// Looks at the clock and the stop token; throws Malformed (timed_out, cancelled). Cheap enough for every
  /// 4,096 opcodes or 1 MiB.
  void checkpoint();

  /// One level deeper for as long as the object lives; throws Malformed (limit) below the deepest.
  class MODELAUDIT_EXPORT Level {
   public:
    explicit Level(Budget& budget);
    ~Level();
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Budget& budget_;
  };
  [[nodiscard]] Level enter() { return Level(*this); }
  std::uint32_t depth() const noexcept { return depth_; }

 private:
  Limits limits_;
  std::stop_token stop_;
  std::chrono::steady_clock::time_point deadline_;
  std::uint64_t members_ = 0;
  std::uint64_t decoded_ = 0;
  std::uint64_t opcodes_ = 0;
  std::uint64_t siblings_ = 0;
  std::uint64_t memory_ = 0;
  std::uint32_t depth_ = 0;
};

/// Memory charged to a budget for as long as the object lives; grows on demand.
class MODELAUDIT_EXPORT MemoryCharge {
 public:
  explicit MemoryCharge(Budget& budget) noexcept : budget_(budget) {}
  ~MemoryCharge() { budget_.release_memory(held_); }
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;

  Budget& budget() noexcept { return budget_; }
  /// Charges `bytes` more; throws Malformed (limit).
  void add(std::uint64_t bytes) {
    budget_.charge_memory(bytes);
    held_ += bytes;
  }

 private:
  Budget& budget_;
  std::uint64_t held_ = 0;
};

}  // namespace modelaudit
