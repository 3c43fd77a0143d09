#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "cache/file_backend.hpp"
#include "cache/identity.hpp"
#include "cache/support.hpp"
#include "support/hex.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

/// Claims files that begin with "TEST"; reports their whole text and counts how often it was asked to.
class CountingScanner final : public Scanner {
 public:
  explicit CountingScanner(bool cacheable = true) {
    info_.id = "counting";
    info_.cacheable = cacheable;
  }
  const ScannerInfo& info() const noexcept override { return info_; }
  Match match(const Probe& probe) const override {
    return probe.head().starts_with("TEST") && !probe.name_ends_with(".txt") ? Match::strong : Match::no;
  }
  void scan(ScanContext& context) const override {
    ++scans;
    Finding finding;
    finding.rule = "test-seen";
    finding.severity = Severity::warning;
    finding.message = context.bytes(0, context.size()).text();
    context.cover(0, context.size());
    context.report(finding);
  }
  mutable std::atomic<int> scans{0};

 private:
  ScannerInfo info_;
};

struct Scene {
  Workshop shop;
  std::shared_ptr<CountingScanner> scanner = std::make_shared<CountingScanner>();
  Options options() const {
    Options options;
    options.cache = shop.options();
    return options;
  }
  ScannerRegistry registry() const {
    ScannerRegistry registry;
    registry.add(scanner);
    return registry;
  }
  ScanResult scan(const Options& options, const fs::path& file) const {
    return Auditor(options, registry()).scan_file(file);
  }
};

}  // namespace

TEST_CASE("an Auditor scans an unchanged file once", "[auditor]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST one");
  const ScanResult first = scene.scan(scene.options(), file);
  CHECK(first.cache == CacheUse::miss);
  CHECK(first.verdict() == Verdict::suspicious);
  const ScanResult second = scene.scan(scene.options(), file);
  CHECK(second.cache == CacheUse::identity_hit);
  CHECK(second == first);
  CHECK(second.to_json().find("TEST one") != std::string::npos);
  CHECK(scene.scanner->scans == 1);
}

TEST_CASE("unrecognised and empty files are hits too", "[auditor]") {
  const Scene scene;
  for (const auto& [name, content] : {std::pair{"u.bin", "unknown"}, {"e.bin", ""}}) {
    const fs::path file = scene.shop.file(name, content);
    const ScanResult first = scene.scan(scene.options(), file);
    CHECK_FALSE(first.complete());
    const ScanResult second = scene.scan(scene.options(), file);
    CHECK(second.cache == CacheUse::identity_hit);
    CHECK(second == first);
  }
}

TEST_CASE("a folder is hit as a whole, file by file", "[auditor]") {
  const Scene scene;
  for (int i = 0; i < 20; ++i) scene.shop.file("models/m" + std::to_string(i) + ".bin", "TEST " + std::to_string(i));
  const auto scan = [&] { return Auditor(scene.options(), scene.registry()).scan(scene.shop.folder / "models"); };
  const ScanReport first = scan();
  const ScanReport second = scan();
  REQUIRE(second.files.size() == 20);
  CHECK(second.files == first.files);
  for (const ScanResult& result : second.files) CHECK(result.cache == CacheUse::identity_hit);
  CHECK(scene.scanner->scans == 20);
}

TEST_CASE("a policy is applied to hits and never stored", "[auditor]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST");
  Options lenient = scene.options();
  lenient.policy.suppress = {builtin_rules().empty() ? "S201" : std::string(builtin_rules()[0]->id)};
  (void)scene.scan(lenient, file);
  const ScanResult plain = scene.scan(scene.options(), file);
  CHECK(plain.cache == CacheUse::identity_hit);
  CHECK(plain.findings.at(0).suppressed_by.empty());
  CHECK(scene.scanner->scans == 1);
}

TEST_CASE("options that change findings scan anew, others do not", "[auditor]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST");
  (void)scene.scan(scene.options(), file);
  Options same = scene.options();
  same.threads = 1;
  same.read = ReadStrategy::positioned;
  same.limits.time = std::chrono::minutes(1);
  CHECK(scene.scan(same, file).cache == CacheUse::identity_hit);
  CHECK(Auditor(scene.options(), scene.registry()).scan_large_file(file).cache == CacheUse::identity_hit);
  Options deep = scene.options();
  deep.deep = true;
  CHECK(scene.scan(deep, file).cache == CacheUse::miss);
  CHECK(scene.scanner->scans == 2);
}

TEST_CASE("results of a scanner that must not be cached are not", "[auditor]") {
  Scene scene;
  scene.scanner = std::make_shared<CountingScanner>(false);
  const fs::path file = scene.shop.file("a.bin", "TEST");
  CHECK(scene.scan(scene.options(), file).cache == CacheUse::miss);
  CHECK(scene.scan(scene.options(), file).cache == CacheUse::miss);
  CHECK(scene.scanner->scans == 2);
  CHECK(scene.shop.records().empty());
}

TEST_CASE("a scan that met the time limit is not kept", "[auditor]") {
  class SlowScanner final : public Scanner {
   public:
    SlowScanner() { info_.id = "slow"; }
    const ScannerInfo& info() const noexcept override { return info_; }
    Match match(const Probe&) const override { return Match::strong; }
    void scan(ScanContext& context) const override {
      for (;;) context.budget().checkpoint();
    }

   private:
    ScannerInfo info_;
  };
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST");
  ScannerRegistry registry;
  registry.add(std::make_shared<SlowScanner>());
  Options options = scene.options();
  options.limits.time = std::chrono::milliseconds(5);
  const ScanResult result = Auditor(options, registry).scan_file(file);
  REQUIRE(result.coverage.gaps.size() >= 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::timed_out);
  CHECK(scene.shop.records().empty());
}

TEST_CASE("memory and descriptors bypass the cache", "[auditor]") {
  const Scene scene;
  const Auditor auditor(scene.options(), scene.registry());
  CHECK(auditor.scan_bytes(std::as_bytes(std::span("TEST", 4)), "a").cache == CacheUse::bypassed);
  CHECK(scene.shop.records().empty());
}

TEST_CASE("the cache can be off, or the host's", "[auditor]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST");
  Options off = scene.options();
  off.cache.enabled = false;
  const Auditor none(off, scene.registry());
  CHECK(none.cache() == nullptr);
  CHECK(none.scan_file(file).cache == CacheUse::bypassed);
  CHECK_FALSE(fs::exists(scene.shop.cache()));

  const auto manager = std::make_shared<CacheManager>(make_memory_cache(1 << 20), CacheSecret::random());
  const Auditor own(scene.options(), scene.registry(), manager);
  CHECK(own.cache() == manager.get());
  CHECK(own.scan_file(file).cache == CacheUse::miss);
  CHECK(own.scan_file(file).cache == CacheUse::identity_hit);
  CHECK_FALSE(fs::exists(scene.shop.cache()));
}

TEST_CASE("an unusable folder is an error when it was asked for and a warning when not", "[auditor]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST");
  scene.shop.folder.write("cache/package.json", "{}");
  CHECK_THROWS_AS(Auditor(scene.options(), scene.registry()), Error);

  REQUIRE(setenv("MODELAUDIT_CACHE_DIR", scene.shop.cache().c_str(), 1) == 0);
  Options standard = scene.options();
  standard.cache.dir.clear();
  const Auditor auditor(standard, scene.registry());
  unsetenv("MODELAUDIT_CACHE_DIR");
  CHECK(auditor.cache() == nullptr);
  CHECK(std::string(auditor.cache_warning()).find(scene.shop.cache().string()) != std::string::npos);
  CHECK(auditor.scan_file(file).verdict() == Verdict::suspicious);
}

TEST_CASE("the standard folder is the one that the environment names", "[auditor]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST");
  REQUIRE(setenv("MODELAUDIT_CACHE_DIR", scene.shop.cache().c_str(), 1) == 0);
  Options standard = scene.options();
  standard.cache.dir.clear();
  {
    const Auditor auditor(standard, scene.registry());
    CHECK(auditor.cache()->directory() == scene.shop.cache());
    CHECK(auditor.cache_warning().empty());
    CHECK(auditor.scan_file(file).cache == CacheUse::miss);
  }
  unsetenv("MODELAUDIT_CACHE_DIR");
  CHECK(scene.shop.records().size() == 2);  // under the file's identity and under its content
}

TEST_CASE("an entry carries what the scan asked of the name and which ranges it read", "[auditor]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", "TEST");
  Auditor auditor(scene.options(), scene.registry());
  (void)auditor.scan_file(file);
  const SmartCacheKeyGenerator keys(auditor.options(), auditor.registry());
  auto identity = modelaudit::cache::identity_at(file);
  REQUIRE(identity);
  const auto backend = modelaudit::cache::FileBackend::open(scene.shop.cache(), false);
  REQUIRE(backend);
  const ScanResultsCache results(*backend, CacheSecret::from_file(scene.options().cache.key_file));
  const auto entry = results.find(keys.identity_key(*identity), "x");
  REQUIRE(entry);
  REQUIRE(entry->has_value());
  const Trace& trace = (*entry)->trace;
  CHECK(trace.identity.path == file.string());
  CHECK(trace.ranges == std::vector<ByteRange>{{0, 4}});
  CHECK(trace.digest != Digest{});
  CHECK(trace.questions == std::vector<NameQuestion>{{".txt", false}});
}
