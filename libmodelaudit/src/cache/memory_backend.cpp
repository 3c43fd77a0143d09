#include <chrono>
#include <list>
#include <map>
#include <mutex>

#include "modelaudit/cache.hpp"

namespace modelaudit {
namespace {

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class MemoryBackend final : public CacheBackend {
 public:
  explicit MemoryBackend(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  Result<std::optional<std::vector<std::byte>>> get(const Digest& key) override {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::optional<std::vector<std::byte>>{};
    records_.splice(records_.begin(), records_, found->second);  // most recently used first
    found->second->last_used_s = now_s();
    return std::optional(found->second->bytes);
  }

  Result<void> put(const Digest& key, std::span<const std::byte> record) override {
    const std::lock_guard lock(mutex_);
    drop(key);
    if (record.size() > max_bytes_) return Failure{Errc::limit, 0, "cache: record larger than the memory cache"};
    records_.push_front({key, {record.begin(), record.end()}, now_s()});
    by_key_[key] = records_.begin();
    bytes_ += record.size();
    while (bytes_ > max_bytes_) drop(Digest(records_.back().key));
    return {};
  }

  Result<void> erase(const Digest& key) override {
    const std::lock_guard lock(mutex_);
    drop(key);
    return {};
  }

  Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>& visit) override {
    std::vector<CacheEntryInfo> entries;  // visited without the lock, so that `visit` may erase
    {
      const std::lock_guard lock(mutex_);
      for (const Record& r : records_) entries.push_back({r.key, r.bytes.size(), r.last_used_s});
    }
    for (const CacheEntryInfo& entry : entries) {
      if (!visit(entry)) break;
    }
    return {};
  }

  Result<BackendStats> stats() override {
    const std::lock_guard lock(mutex_);
    return BackendStats{records_.size(), bytes_};
  }

 private:
  struct Record {
    Digest key;
    std::vector<std::byte> bytes;
    std::int64_t last_used_s;
  };

  void drop(const Digest& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    bytes_ -= found->second->bytes.size();
    records_.erase(found->second);
    by_key_.erase(found);
  }

  std::mutex mutex_;
  std::list<Record> records_;
  std::map<Digest, std::list<Record>::iterator> by_key_;
  std::uint64_t bytes_ = 0;
  std::uint64_t max_bytes_;
};

}  // namespace

std::shared_ptr<CacheBackend> make_memory_cache(std::uint64_t max_bytes) {
  return std::make_shared<MemoryBackend>(max_bytes);
}

}  // namespace modelaudit
