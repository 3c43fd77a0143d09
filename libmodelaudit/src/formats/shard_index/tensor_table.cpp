#include "formats/shard_index/tensor_table.hpp"

#include <functional>

#include "modelaudit/error.hpp"

namespace modelaudit::formats {
namespace {

// At most half full; see wire::NameSet.
constexpr std::uint64_t k_max_steps = 1024;
constexpr std::size_t k_first_slots = 256;

}  // namespace

TensorTable::Entry& TensorTable::at(std::string_view tensor) {
  if (slots_.size() < 2 * (size_ + 1)) grow();
  const std::uint64_t hash = std::hash<std::string_view>{}(tensor);
  Entry& entry = find(hash == 0 ? 1 : hash);
  if (entry.hash == 0) {
    entry.hash = hash == 0 ? 1 : hash;
    ++size_;
  }
  return entry;
}

TensorTable::Entry& TensorTable::find(std::uint64_t hash) {
  const std::uint64_t mask = slots_.size() - 1;
  std::uint64_t slot = hash & mask;
  for (std::uint64_t step = 0; step < k_max_steps; ++step, slot = (slot + 1) & mask) {
    if (slots_[slot].hash == hash || slots_[slot].hash == 0) return slots_[slot];
  }
  throw_malformed(Errc::limit, 0, "shard index: names chosen to collide in a hash table");
}

void TensorTable::grow() {
  const std::size_t wanted = slots_.empty() ? k_first_slots : 2 * slots_.size();
  charge_.add((wanted - slots_.size()) * sizeof(Entry));
  std::vector<Entry> old(wanted);
  old.swap(slots_);
  for (const Entry& entry : old) {
    if (entry.hash != 0) find(entry.hash) = entry;
  }
}

}  // namespace modelaudit::formats
