#include "modelaudit/budget.hpp"

#include "modelaudit/error.hpp"

namespace modelaudit {
namespace {

// Sums stay below 2^64: each is compared with what is left before it is added.
void charge(std::uint64_t& used, std::uint64_t n, std::uint64_t limit, const char* what) {
  if (n > limit - used) throw_malformed(Errc::limit, 0, what);
  used += n;
}

}  // namespace

Budget::Budget(const Limits& limits, std::stop_token stop)
    : limits_(limits), stop_(std::move(stop)), deadline_(std::chrono::steady_clock::now() + limits.time) {}

void Budget::charge_members(std::uint64_t n) { charge(members_, n, limits_.members, "limit: members in one file"); }
void Budget::charge_decoded(std::uint64_t bytes) {
  charge(decoded_, bytes, limits_.decoded_bytes, "limit: decoded bytes in one file");
}
void Budget::charge_opcodes(std::uint64_t n) { charge(opcodes_, n, limits_.opcodes, "limit: pickle opcodes in one file"); }
void Budget::charge_siblings(std::uint64_t n) { charge(siblings_, n, limits_.siblings, "limit: files beside this one"); }
void Budget::charge_memory(std::uint64_t bytes) { charge(memory_, bytes, limits_.memory, "limit: memory for one file"); }
void Budget::release_memory(std::uint64_t bytes) noexcept { memory_ -= bytes < memory_ ? bytes : memory_; }

void Budget::checkpoint() {
  if (stop_.stop_requested()) throw_malformed(Errc::cancelled, 0, "the scan was interrupted");
  if (std::chrono::steady_clock::now() > deadline_) throw_malformed(Errc::timed_out, 0, "the time limit passed");
}

Budget::Level::Level(Budget& budget) : budget_(budget) {
  if (budget_.depth_ >= budget_.limits_.depth) throw_malformed(Errc::limit, 0, "limit: depth of members within members");
  ++budget_.depth_;
}

Budget::Level::~Level() { --budget_.depth_; }

}  // namespace modelaudit
