#include <algorithm>

#include "cache/build_id.hpp"
#include "cache/fingerprint.hpp"
#include "cache/host_id.hpp"
#include "cache/producer.hpp"
#include "modelaudit/auditor.hpp"
#include "modelaudit/cache.hpp"
#include "modelaudit/rule.hpp"

namespace modelaudit {
namespace cache {
namespace {

Digest digest_of_rules() {
  io::FieldHasher hash("modelaudit rules 1");
  for (const Rule* rule : builtin_rules()) {
    // Reports look up the texts of a rule by its id; results hold only these two.
    hash.text(rule->id).number(std::uint64_t{static_cast<std::uint8_t>(rule->severity)});
  }
  return hash.finish();
}

}  // namespace

const std::string& producer() {
  static const std::string text = std::string(library_version()) + "+" + build_id();
  return text;
}

FingerprintInputs fingerprint_inputs(const Options& options, const ScannerRegistry& registry) {
  FingerprintInputs inputs;
  inputs.producer = producer();
  inputs.rules = digest_of_rules();
  for (const auto& scanner : registry.all()) inputs.scanners.emplace_back(scanner->info().id, scanner->info().version);
  inputs.limits = options.limits;
  inputs.deep = options.deep;
  return inputs;
}

Digest fingerprint_of(const FingerprintInputs& inputs) {
  io::FieldHasher hash("modelaudit fingerprint 1");
  hash.text(inputs.producer).digest(inputs.rules);
  hash.number(std::uint64_t{inputs.scanners.size()});
  for (const auto& [id, version] : inputs.scanners) hash.text(id).number(std::uint64_t{version});
  // `time` is left out: a scan that met it is not deterministic, so never stored; one that did not is the same
  // whatever the limit.
  const Limits& limits = inputs.limits;
  hash.number(std::uint64_t{limits.depth}).number(limits.members).number(limits.members_per_container);
  hash.number(limits.decoded_bytes).number(limits.child_bytes).number(limits.buffered_bytes).number(limits.memory);
  hash.number(limits.opcodes).number(limits.siblings).number(std::uint64_t{limits.findings_per_rule});
  hash.number(std::uint64_t{limits.file_size.has_value()}).number(limits.file_size.value_or(0));
  hash.number(std::uint64_t{inputs.deep});
  return hash.finish();
}

}  // namespace cache

SmartCacheKeyGenerator::SmartCacheKeyGenerator(const Options& options, const ScannerRegistry& registry)
    : fingerprint_(cache::fingerprint_of(cache::fingerprint_inputs(options, registry))),
      verify_(options.strict ? std::max(options.cache.verify, CacheVerify::trace) : options.cache.verify),
      refresh_(options.cache.refresh) {}

Digest SmartCacheKeyGenerator::identity_key(const FileIdentity& identity) const {
  return io::FieldHasher("modelaudit identity 2")
      .digest(fingerprint_)
      .digest(cache::host_id())
      .text(identity.path)
      .number(identity.device)
      .number(identity.inode)
      .number(identity.size)
      .number(identity.mtime_ns)
      .number(identity.ctime_ns)
      .finish();
}

Digest SmartCacheKeyGenerator::candidate_key(std::uint64_t size, const Digest& head_and_tail) const {
  return io::FieldHasher("modelaudit candidate 1").digest(fingerprint_).number(size).digest(head_and_tail).finish();
}

Digest SmartCacheKeyGenerator::content_key(const ContentId& content) const {
  return io::FieldHasher("modelaudit content 1").digest(fingerprint_).number(content.size).digest(content.sha256).finish();
}

}  // namespace modelaudit
