#include <catch2/catch.hpp>
#include <set>

#include "cache/build_id.hpp"
#include "cache/fingerprint.hpp"
#include "cache/producer.hpp"
#include "cache/support.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

class NamedScanner final : public Scanner {
 public:
  NamedScanner(std::string id, std::uint32_t version) {
    info_.id = std::move(id);
    info_.version = version;
  }
  const ScannerInfo& info() const noexcept override { return info_; }
  Match match(const Probe&) const override { return Match::no; }
  void scan(ScanContext&) const override {}

 private:
  ScannerInfo info_;
};

Digest fingerprint(const Options& options, const ScannerRegistry& registry = {}) {
  return SmartCacheKeyGenerator(options, registry).fingerprint();
}

ScannerRegistry registry_with(const std::string& id, std::uint32_t version) {
  ScannerRegistry registry;
  registry.add(std::make_shared<NamedScanner>(id, version));
  return registry;
}

}  // namespace

TEST_CASE("every option that can change findings changes the fingerprint", "[keys]") {
  const std::vector<std::function<void(Options&)>> changes = {
      [](Options&) {},
      [](Options& o) { o.deep = true; },
      [](Options& o) { --o.limits.depth; },
      [](Options& o) { --o.limits.members; },
      [](Options& o) { --o.limits.members_per_container; },
      [](Options& o) { --o.limits.decoded_bytes; },
      [](Options& o) { --o.limits.child_bytes; },
      [](Options& o) { --o.limits.buffered_bytes; },
      [](Options& o) { --o.limits.memory; },
      [](Options& o) { --o.limits.opcodes; },
      [](Options& o) { --o.limits.siblings; },
      [](Options& o) { --o.limits.findings_per_rule; },
      [](Options& o) { o.limits.file_size = 0; },
      [](Options& o) { o.limits.file_size = 1; },
  };
  std::set<Digest> seen;
  for (const auto& change : changes) {
    Options options;
    change(options);
    seen.insert(fingerprint(options));
  }
  CHECK(seen.size() == changes.size());
}

TEST_CASE("what cannot change a stored result leaves the fingerprint alone", "[keys]") {
  const Digest plain = fingerprint({});
  Options options;
  options.limits.time = std::chrono::milliseconds{1};
  options.strict = true;
  options.threads = 7;
  options.read = ReadStrategy::positioned;
  options.policy.suppress = {"S201"};
  options.cache.enabled = false;
  options.cache.dir = "/elsewhere";
  options.cache.max_bytes = 1;
  options.progress = [](const Progress&) {};
  CHECK(fingerprint(options) == plain);
}

TEST_CASE("scanners count by id and version", "[keys]") {
  const std::set<Digest> seen{fingerprint({}), fingerprint({}, registry_with("one", 1)),
                              fingerprint({}, registry_with("one", 2)), fingerprint({}, registry_with("two", 1))};
  CHECK(seen.size() == 4);
  CHECK(fingerprint({}, registry_with("one", 1)) == fingerprint({}, registry_with("one", 1)));
}

TEST_CASE("version, build and rules are part of the fingerprint", "[keys]") {
  const auto inputs = cache::fingerprint_inputs({}, {});
  CHECK(inputs.producer == cache::producer());
  CHECK(inputs.rules != Digest{});
  auto other = inputs;
  other.producer += "x";
  CHECK(cache::fingerprint_of(other) != cache::fingerprint_of(inputs));
  other = inputs;
  other.rules[0] ^= 1;
  CHECK(cache::fingerprint_of(other) != cache::fingerprint_of(inputs));
}

TEST_CASE("the build tells itself from others", "[keys]") {
  // A linker's build id (20 bytes as a rule), or the digest that stands in for it.
  CHECK(cache::build_id().size() >= 16);
  CHECK(cache::producer().ends_with("+" + cache::build_id()));
  CHECK(cache::producer().starts_with(library_version()));
}

TEST_CASE("each part of an identity changes its key; the link count does not", "[keys]") {
  const SmartCacheKeyGenerator keys = plain_keys();
  const FileIdentity plain{"/a/b", 1, 2, 3, 4, 5, 1};
  std::vector<FileIdentity> all(7, plain);
  all[1].path = "/a/c";
  ++all[2].device;
  ++all[3].inode;
  ++all[4].size;
  ++all[5].mtime_ns;
  ++all[6].ctime_ns;
  std::set<Digest> seen;
  for (const FileIdentity& identity : all) seen.insert(keys.identity_key(identity));
  CHECK(seen.size() == all.size());
  FileIdentity linked = plain;
  linked.link_count = 2;
  CHECK(keys.identity_key(linked) == keys.identity_key(plain));
}

TEST_CASE("keys of another fingerprint and of another kind are other keys", "[keys]") {
  Options deep;
  deep.deep = true;
  const SmartCacheKeyGenerator other(deep, {});
  const SmartCacheKeyGenerator plain = plain_keys();
  const FileIdentity identity{"/a/b", 1, 2, 3, 4, 5, 1};
  CHECK(other.identity_key(identity) != plain.identity_key(identity));
  CHECK(other.candidate_key(1, digest_of(1)) != plain.candidate_key(1, digest_of(1)));
  CHECK(plain.candidate_key(1, digest_of(1)) != plain.candidate_key(2, digest_of(1)));
  CHECK(plain.candidate_key(1, digest_of(1)) != plain.candidate_key(1, digest_of(2)));
  CHECK(plain.candidate_key(1, digest_of(1)) == plain.candidate_key(1, digest_of(1)));
}
