#include "wire/names/name_set.hpp"

#include <functional>

#include "modelaudit/error.hpp"

namespace modelaudit::wire {
namespace {

// A table that is at most half full needs a handful of steps; a thousand mean that somebody chose the names.
constexpr std::uint64_t k_max_steps = 1024;
constexpr std::size_t k_first_slots = 64;

}  // namespace

bool NameSet::insert(std::string_view name) {
  if (slots_.size() < 2 * (size_ + 1)) grow();
  const std::uint64_t hash = std::hash<std::string_view>{}(name);
  if (!place(hash == 0 ? 1 : hash)) return false;
  ++size_;
  return true;
}

bool NameSet::place(std::uint64_t hash) {
  const std::uint64_t mask = slots_.size() - 1;
  std::uint64_t slot = hash & mask;
  for (std::uint64_t step = 0; step < k_max_steps; ++step, slot = (slot + 1) & mask) {
    if (slots_[slot] == hash) return false;
    if (slots_[slot] == 0) {
      slots_[slot] = hash;
      return true;
    }
  }
  throw_malformed(Errc::limit, 0, "names: chosen to collide in a hash table");
}

void NameSet::grow() {
  const std::size_t wanted = slots_.empty() ? k_first_slots : 2 * slots_.size();
  charge_.add((wanted - slots_.size()) * sizeof(std::uint64_t));
  std::vector<std::uint64_t> old(wanted, 0);
  old.swap(slots_);
  for (const std::uint64_t hash : old) {
    if (hash != 0) place(hash);
  }
}

}  // namespace modelaudit::wire
