/// @file
/// Has this name occurred before? For the tensor names and keys of files that declare tens of thousands of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "modelaudit/budget.hpp"

namespace modelaudit::wire {

/// A set of names that keeps 8 bytes a name, not the names: a 64-bit hash stands for each. Two of a million different
/// names share one with a probability of 3e-8; an input built so that they do only harms itself.
class NameSet {
 public:
  explicit NameSet(Budget& budget) : charge_(budget) {}

  /// Adds `name`; false when it was there. Throws Malformed (limit) for names that were built to collide, and when the
  /// memory budget is used up.
  bool insert(std::string_view name);
  std::uint64_t size() const noexcept { return size_; }

 private:
  void grow();
  bool place(std::uint64_t hash);

  MemoryCharge charge_;
  std::vector<std::uint64_t> slots_;  // power of two; 0: free
  std::uint64_t size_ = 0;
};

}  // namespace modelaudit::wire
