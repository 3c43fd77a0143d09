// A host that keeps scan results in a store of its own: here a map, in life perhaps the database that the models are
// registered in. The library authenticates what it puts in and checks what it gets back, so the store need not be trusted.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "modelaudit/auditor.hpp"
#include "modelaudit/cache.hpp"

namespace {

using namespace modelaudit;

class MapBackend final : public CacheBackend {
 public:
  Result<std::optional<std::vector<std::byte>>> get(const Digest& key) override {
    const std::lock_guard lock(mutex_);
    const auto hit = records_.find(key);
    if (hit == records_.end()) return std::optional<std::vector<std::byte>>();
    return std::optional(hit->second);
  }
  Result<void> put(const Digest& key, std::span<const std::byte> record) override {
    const std::lock_guard lock(mutex_);
    records_[key].assign(record.begin(), record.end());
    return {};
  }
  Result<void> erase(const Digest& key) override {
    const std::lock_guard lock(mutex_);
    records_.erase(key);
    return {};
  }
  Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>& visit) override {
    // On a copy, because `visit` may erase.
    std::vector<CacheEntryInfo> infos;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, record] : records_) infos.push_back({key, record.size(), 0});
    }
    for (const CacheEntryInfo& info : infos) {
      if (!visit(info)) break;
    }
    return {};
  }
  Result<BackendStats> stats() override {
    const std::lock_guard lock(mutex_);
    BackendStats totals;
    for (const auto& [key, record] : records_) {
      ++totals.entries;
      totals.bytes += record.size();
    }
    return totals;
  }
  /// What a hostile store could do.
  void damage_everything() {
    const std::lock_guard lock(mutex_);
    for (auto& [key, record] : records_) record[record.size() / 2] ^= std::byte{1};
  }

 private:
  std::mutex mutex_;
  std::map<Digest, std::vector<std::byte>> records_;
};

bool expect(const char* what, const ScanResult& result, CacheUse use) {
  std::printf("%-28s %s, %s\n", what, to_string(result.verdict()), to_string(result.cache));
  return result.verdict() == Verdict::malicious && result.cache == use;
}

}  // namespace

int main() {
  const std::filesystem::path model = std::filesystem::temp_directory_path() / "modelaudit-example-own-cache.pkl";
  std::ofstream(model, std::ios::binary) << "cposix\nsystem\n(S'true'\ntR.";
  // A file that changed within the clock's granularity is not cached: it could change again unseen.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));

  const auto backend = std::make_shared<MapBackend>();
  const auto cache = std::make_shared<CacheManager>(backend, CacheSecret::random());
  const Auditor auditor({}, ScannerRegistry::builtin(), cache);
  bool good = expect("first scan", auditor.scan_file(model), CacheUse::miss);
  good &= expect("second scan", auditor.scan_file(model), CacheUse::identity_hit);
  backend->damage_everything();
  good &= expect("after damage to the store", auditor.scan_file(model), CacheUse::miss);
  std::filesystem::remove(model);
  return good ? 0 : 1;
}
