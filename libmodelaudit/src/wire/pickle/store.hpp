/// @file
/// Where the machine keeps values: growing arrays that never move, and a ring for items that only matter while recent.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "modelaudit/budget.hpp"

namespace modelaudit::wire::pickle {

/// An array that grows by chunks: no copy, no peak of twice the size. Memory is charged chunk by chunk.
template <typename T>
class Chunked {
 public:
  explicit Chunked(MemoryCharge& charge) : charge_(charge) {}

  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return chunks_[i >> k_bits][i & k_mask]; }
  const T& operator[](std::size_t i) const noexcept { return chunks_[i >> k_bits][i & k_mask]; }
  void push_back(T value) {
    if ((size_ & k_mask) == 0 && size_ >> k_bits == chunks_.size()) grow();
    (*this)[size_++] = value;
  }
  /// Keeps the chunks for the next stream.
  void clear() noexcept { size_ = 0; }
  void swap(Chunked& other) noexcept {
    chunks_.swap(other.chunks_);
    std::swap(size_, other.size_);
  }

 private:
  static constexpr std::size_t k_bits = 13;
  static constexpr std::size_t k_mask = (std::size_t{1} << k_bits) - 1;

  void grow() {
    // The first chunks of a small pickle are small pages of a fresh allocation: they cost only what is touched.
    charge_.add((k_mask + 1) * sizeof(T));
    chunks_.push_back(std::make_unique_for_overwrite<T[]>(k_mask + 1));
  }

  MemoryCharge& charge_;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

/// The last million or so words that were written; older ones are forgotten. Indexes only grow.
class Ring {
 public:
  bool alive(std::uint32_t index) const noexcept {
    const std::uint32_t age = static_cast<std::uint32_t>(next_) - index;
    return age != 0 && age <= words_.size();
  }
  std::uint64_t at(std::uint32_t index) const noexcept { return words_[index & (words_.size() - 1)]; }
  bool fits(std::size_t n) const noexcept { return n < k_words / 4; }
  /// Room for `n` words at the returned index; fits(n) must hold.
  std::uint32_t reserve(std::size_t n) {
    while (next_ + n > words_.size() && words_.size() < k_words) words_.resize(words_.empty() ? 1024 : words_.size() * 2);
    const auto index = static_cast<std::uint32_t>(next_);
    next_ += n;
    return index;
  }
  void put(std::uint32_t index, std::uint64_t word) noexcept { words_[index & (words_.size() - 1)] = word; }

 private:
  static constexpr std::size_t k_words = std::size_t{1} << 20;
  std::vector<std::uint64_t> words_;
  std::uint64_t next_ = 0;
};

}  // namespace modelaudit::wire::pickle
