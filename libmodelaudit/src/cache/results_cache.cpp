#include "cache/envelope.hpp"
#include "cache/producer.hpp"
#include "modelaudit/cache.hpp"
#include "result/binary.hpp"

namespace modelaudit {

ScanResultsCache::ScanResultsCache(std::shared_ptr<CacheBackend> backend, const CacheSecret& secret)
    : backend_(std::move(backend)), secret_(secret) {}

Result<std::optional<TracedResult>> ScanResultsCache::find(const Digest& key, std::string_view shown_path) const {
  const auto record = backend_->get(key);
  if (!record) return record.error();
  if (!record->has_value()) return std::optional<TracedResult>{};
  const auto payload = cache::unseal(secret_.bytes, key, cache::producer(), ByteView(std::span(**record)));
  if (!payload) return payload.error();
  auto entry = result::from_binary(*payload, shown_path);
  if (!entry) return entry.error();
  return std::optional<TracedResult>(std::move(*entry));
}

Result<std::uint64_t> ScanResultsCache::store(const Digest& key, const TracedResult& entry) const {
  const auto payload = result::to_binary(entry.result, entry.trace);
  if (!payload) return payload.error();
  const auto record = cache::seal(secret_.bytes, key, cache::producer(), ByteView(std::span(*payload)));
  const auto stored = backend_->put(key, record);
  if (!stored) return stored.error();
  return std::uint64_t{record.size()};
}

}  // namespace modelaudit
