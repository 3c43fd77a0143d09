#include "cache/locations.hpp"
#include "cache/lookup.hpp"
#include "cache/manager_impl.hpp"
#include "cache/server.hpp"
#include "modelaudit/auditor.hpp"

namespace modelaudit {

namespace fs = std::filesystem;

CacheManager::CacheManager(std::shared_ptr<CacheBackend> backend, const CacheSecret& secret)
    : impl_(std::make_unique<Impl>(std::move(backend), secret)) {}
CacheManager::CacheManager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CacheManager::~CacheManager() { flush(); }

ScanResult CacheManager::cached_scan(const SmartCacheKeyGenerator& keys, const fs::path& path,
                                     std::string_view shown_path, const CacheableScan& scan, const ContentId* content) {
  cache::LookUp look_up(impl_->store, impl_->counts, keys, path, shown_path, content);
  if (!look_up.has_file()) {
    ++impl_->counts.bypassed;
    ScanResult result = scan(TraceNeed::none).result;
    result.cache = CacheUse::bypassed;
    return result;
  }
  if (auto hit = look_up.find()) return *std::move(hit);
  ++impl_->counts.misses;
  TracedResult entry = scan(look_up.need());
  entry.result.cache = CacheUse::miss;
  look_up.store(entry);
  return std::move(entry.result);
}

std::optional<ScanResult> CacheManager::find_content(const SmartCacheKeyGenerator& keys, const ContentId& content,
                                                     std::string_view name, std::string_view shown_path) {
  // Whoever asks for every byte does not take another's word for them.
  if (keys.refresh() || keys.verify() == CacheVerify::always) return std::nullopt;
  cache::Candidates candidates(impl_->store, keys.content_key(content), cache::Scope::content, shown_path);
  cache::Replay replay(-1, fs::path(name), cache::Scope::content);
  auto found = candidates.find(replay);
  if (!found) return std::nullopt;
  ++impl_->counts.hits;
  ++impl_->counts.trace_hits;
  impl_->counts.time_saved_us += found->result.duration_us;
  found->result.cache = CacheUse::trace_hit;
  return std::move(found->result);
}

const fs::path& CacheManager::directory() const noexcept { return impl_->directory; }
const std::string& CacheManager::server() const noexcept { return impl_->server; }
std::string_view CacheManager::last_failure() const noexcept { return impl_->store.last_failure(); }

std::shared_ptr<CacheManager> get_cache_manager(const CacheOptions& options, CacheAccess access) {
  if (!options.url.empty()) {
    if (!options.dir.empty()) throw Error("a folder and a server are both named for the result cache; choose one");
    cache::Server server = cache::open_server(options, access);
    auto impl = std::make_unique<CacheManager::Impl>(std::move(server.backend), server.secret);
    impl->server = std::move(server.address);
    return std::shared_ptr<CacheManager>(new CacheManager(std::move(impl)));
  }
  fs::path folder = options.dir;
  if (folder.empty()) {
    const auto standard = cache::default_cache_dir();
    if (!standard) throw Error(std::string("the result cache has no place: ") + standard.error().what);
    folder = *standard;
  }
  const bool create = access == CacheAccess::scan;
  auto backend = cache::FileBackend::open(folder, create);
  if (!backend) {
    throw Error("the cache folder " + folder.string() + " cannot be used: " + backend.error().what);
  }
  CacheSecret secret;  // inspection counts and removes; it reads no record, so it needs no key
  if (create) secret = CacheSecret::from_file(options.key_file);
  if (access == CacheAccess::verify && (*backend)->folder() >= 0) secret = CacheSecret::from_existing_file(options.key_file);
  auto impl = std::make_unique<CacheManager::Impl>(*backend, secret);
  impl->files = backend->get();
  impl->directory = folder;
  impl->max_bytes = options.max_bytes;
  return std::shared_ptr<CacheManager>(new CacheManager(std::move(impl)));
}

ScanResult scan_with_cache(CacheManager* cache, const SmartCacheKeyGenerator& keys, const fs::path& path,
                           std::string_view shown_path, const CacheableScan& scan, const ContentId* content) {
  if (cache != nullptr) return cache->cached_scan(keys, path, shown_path, scan, content);
  ScanResult result = scan(TraceNeed::none).result;
  result.cache = CacheUse::bypassed;
  return result;
}

}  // namespace modelaudit
