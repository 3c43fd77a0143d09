#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "modelaudit/budget.hpp"

namespace modelaudit::formats {

/// Which file each tensor is said to be in, and which files it was met in. Keeps 24 bytes a tensor, not its name: a 64-bit
/// hash stands for it, as in wire::NameSet.
class TensorTable {
 public:
  static constexpr std::uint32_t k_no_file = ~std::uint32_t{0};

  struct Entry {
    std::uint64_t hash = 0;                ///< 0: free
    std::uint32_t named_in = k_no_file;    ///< by the index, at last
    std::uint32_t met_in = k_no_file;      ///< first
    std::uint32_t form = 0;                ///< dtype and shape where it was met first
    bool met_where_named = false;
  };

  explicit TensorTable(Budget& budget) : charge_(budget) {}

  /// The entry of a tensor, made when there is none; valid until the next call. Throws Malformed (limit) for names that
  /// were built to collide, and when the memory budget is used up.
  Entry& at(std::string_view tensor);
  /// Free slots are among them.
  const std::vector<Entry>& slots() const noexcept { return slots_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  Entry& find(std::uint64_t hash);
  void grow();

  MemoryCharge charge_;
  std::vector<Entry> slots_;  // power of two
  std::uint64_t size_ = 0;
};

}  // namespace modelaudit::formats
