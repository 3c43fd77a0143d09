#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "cache/identity.hpp"
#include "cache/support.hpp"
#include "support/hex.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

/// Overwrites in place, so that the inode stays.
void overwrite(const fs::path& path, const std::string& content) {
  std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
  out << content;
}

void write_bytes(const fs::path& path, const std::vector<std::byte>& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  for (const std::byte b : bytes) out.put(static_cast<char>(b));
}

/// Fails at everything, or throws.
class BrokenBackend final : public CacheBackend {
 public:
  explicit BrokenBackend(bool throws) : throws_(throws) {}
  Result<std::optional<std::vector<std::byte>>> get(const Digest&) override { return fail(); }
  Result<void> put(const Digest&, std::span<const std::byte>) override { return fail(); }
  Result<void> erase(const Digest&) override { return fail(); }
  Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>&) override { return fail(); }
  Result<BackendStats> stats() override { return fail(); }

 private:
  Failure fail() const {
    if (throws_) throw std::runtime_error("broken");
    return {Errc::io_error, 0, "broken"};
  }
  bool throws_;
};

}  // namespace

TEST_CASE("the second look at an unchanged file is a hit with the same result", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  const ScanResult first = cached(*manager, file);
  CHECK(first.cache == CacheUse::miss);
  const ScanResult second = cached(*manager, file);
  CHECK(second.cache == CacheUse::identity_hit);
  CHECK(second == first);
  CHECK(second.duration_us == first.duration_us);
  CHECK(cached(*shop.open(), file).cache == CacheUse::identity_hit);
  const CacheStats stats = manager->run_stats();
  CHECK(stats.hits == 1);
  CHECK(stats.misses == 1);
  CHECK(stats.time_saved_us == 1000);
  CHECK(stats.hit_rate() == 0.5);
}

TEST_CASE("a hit is about the path as the caller named it now", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  (void)cached(*manager, file);
  const ScanResult hit = manager->cached_scan(plain_keys(), file, "./a", [&](TraceNeed) { return scan_content(file); });
  CHECK(hit.cache == CacheUse::identity_hit);
  CHECK(hit.path == "./a");
  CHECK(hit.findings.at(0).where.path == "./a");
}

TEST_CASE("a change of any kind is a miss with the new content", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  CHECK(content_of(cached(*manager, file)) == "abc");
  SECTION("in place, longer") { overwrite(file, "abcd"); }
  SECTION("in place, as long") { overwrite(file, "abd"); }
  SECTION("in place, as long, with the mtime put back") {
    struct stat before{};
    REQUIRE(stat(file.c_str(), &before) == 0);
    overwrite(file, "abd");
    const timespec times[] = {before.st_atim, before.st_mtim};
    REQUIRE(utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
    struct stat after{};
    REQUIRE(stat(file.c_str(), &after) == 0);
    REQUIRE(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
    REQUIRE(after.st_size == before.st_size);
  }
  SECTION("by another file in its place, with the same times") {
    const fs::path other = shop.folder.write("b", "abd");
    fs::last_write_time(other, fs::last_write_time(file));
    fs::rename(other, file);
  }
  std::string expected;
  for (const std::byte b : read_file(file)) expected += static_cast<char>(b);
  REQUIRE(expected != "abc");
  const ScanResult after = cached(*manager, file);
  CHECK(after.cache == CacheUse::miss);
  CHECK(content_of(after) == expected);
}

TEST_CASE("however fast a file is rewritten, no answer is stale", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.folder.write("a", "0000");
  for (int round = 1; round < 500; ++round) {
    const std::string content = std::to_string(10'000 + round).substr(1);
    overwrite(file, content);
    CHECK(content_of(cached(*manager, file)) == content);
    if (round % 7 == 0) CHECK(content_of(cached(*manager, file)) == content);
  }
}

TEST_CASE("a file that changed a moment ago is scanned, and kept only later", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.folder.write("a", "abc");
  // A stamp of the future is the moment that never passes: as after the clock was set back.
  (void)cached(*manager, file);
  settle(file);
  (void)cached(*manager, file);
  CHECK(cached(*manager, file).cache == CacheUse::identity_hit);
}

TEST_CASE("a file that somebody has open for writing is scanned, but not kept", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  {
    const std::ofstream writer(file, std::ios::app);
    CHECK(cached(*manager, file).cache == CacheUse::miss);
  }
  CHECK(shop.records().empty());
}

TEST_CASE("what a limit of time, an error or a change shaped is not kept", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  const auto scan_with = [&](const std::function<void(TracedResult&)>& change) {
    return manager->cached_scan(plain_keys(), file, "a", [&](TraceNeed) {
      TracedResult entry = scan_content(file);
      change(entry);
      return entry;
    });
  };
  CHECK(scan_with([](TracedResult& e) { e.result.deterministic = false; }).cache == CacheUse::miss);
  CHECK(scan_with([](TracedResult& e) { ++e.trace.identity.ctime_ns; }).cache == CacheUse::miss);
  CHECK(scan_with([](TracedResult& e) { ++e.trace.identity.inode; }).cache == CacheUse::miss);
  CHECK(shop.records().empty());
  CHECK(scan_with([](TracedResult&) {}).cache == CacheUse::miss);
  CHECK(shop.records().size() == 1);
}

TEST_CASE("a result too large to keep is given out all the same", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  const auto scan = [&](TraceNeed) {
    TracedResult entry = scan_content(file);
    entry.result.findings[0].message.assign(std::size_t{17} << 20, 'x');
    return entry;
  };
  CHECK(manager->cached_scan(plain_keys(), file, "a", scan).findings[0].message.size() == std::size_t{17} << 20);
  CHECK(manager->cached_scan(plain_keys(), file, "a", scan).cache == CacheUse::miss);
  CHECK(manager->run_stats().backend_failures == 0);
}

TEST_CASE("companions decide over a hit", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  const fs::path index = shop.file("index.json", "{}");
  const auto scan = [&](TraceNeed) {
    TracedResult entry = scan_content(file);
    entry.trace.companions = {{"index.json", true, *modelaudit::cache::identity_at(index), {}, {}},
                              {"b", false, {}, {}, {}}};
    return entry;
  };
  const auto use = [&] { return manager->cached_scan(plain_keys(), file, "a", scan).cache; };
  CHECK(use() == CacheUse::miss);
  CHECK(use() == CacheUse::identity_hit);
  SECTION("one that changes") { overwrite(index, "[]"); }
  SECTION("one that appears") { shop.folder.write("b", ""); }
  CHECK(use() == CacheUse::miss);
  CHECK(manager->run_stats().rejected == 0);
}

TEST_CASE("other options have other entries", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path file = shop.file("a", "abc");
  (void)cached(*manager, file);
  Options deep;
  deep.deep = true;
  const SmartCacheKeyGenerator keys(deep, {});
  const auto scan = [&](TraceNeed) { return scan_content(file); };
  CHECK(manager->cached_scan(keys, file, "a", scan).cache == CacheUse::miss);
  CHECK(manager->cached_scan(keys, file, "a", scan).cache == CacheUse::identity_hit);
  CHECK(cached(*manager, file).cache == CacheUse::identity_hit);
}

TEST_CASE("a damaged record is a miss with a counter, and heals", "[manager]") {
  const Workshop shop;
  const fs::path file = shop.file("a", "abc");
  const ScanResult plain = cached(*shop.open(), file);
  REQUIRE(shop.records().size() == 1);
  const fs::path record = shop.records()[0];
  const auto good = read_file(record);
  const auto manager = shop.open();
  std::uint64_t rejected = 0;
  const auto check_miss = [&](const std::vector<std::byte>& bytes) {
    write_bytes(record, bytes);
    const ScanResult result = cached(*manager, file);
    CHECK(result.cache == CacheUse::miss);
    CHECK(result == plain);
    CHECK(manager->run_stats().rejected == ++rejected);
    CHECK(read_file(record) == good);  // stored anew
  };
  SECTION("each byte flipped") {
    for (std::size_t at = 0; at < good.size(); ++at) {
      auto changed = good;
      changed[at] = ~changed[at];
      INFO(at);
      check_miss(changed);
    }
  }
  SECTION("cut at every length") {
    for (std::size_t length = 0; length < good.size(); ++length) {
      INFO(length);
      check_miss({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)});
    }
  }
  SECTION("lengthened") {
    auto longer = good;
    longer.push_back(std::byte{0});
    check_miss(longer);
  }
}

TEST_CASE("a record under another key of the MAC is not believed", "[manager]") {
  const Workshop shop;
  const fs::path file = shop.file("a", "harmless");
  CacheOptions forger = shop.options();
  forger.key_file = shop.folder / "forger/cache.key";
  (void)cached(*get_cache_manager(forger), file);
  REQUIRE(shop.records().size() == 1);
  const auto manager = shop.open();
  CHECK(cached(*manager, file).cache == CacheUse::miss);
  CHECK(manager->run_stats().rejected == 1);
  CHECK(cached(*manager, file).cache == CacheUse::identity_hit);
}

TEST_CASE("a record in the place of another is not believed", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  const fs::path harmless = shop.file("harmless", "harmless");
  const fs::path evil = shop.file("evil", "evil");
  (void)cached(*manager, harmless);
  const fs::path good = shop.records().at(0);
  (void)cached(*manager, evil);
  for (const fs::path& record : shop.records()) {
    if (record != good) fs::copy_file(good, record, fs::copy_options::overwrite_existing);
  }
  CHECK(content_of(cached(*manager, evil)) == "evil");
  CHECK(manager->run_stats().rejected == 1);
}

TEST_CASE("a backend that fails or throws changes no result", "[manager]") {
  const Workshop shop;
  const fs::path file = shop.file("a", "abc");
  for (const bool throws : {false, true}) {
    CacheManager manager(std::make_shared<BrokenBackend>(throws), secret_of(1));
    const ScanResult result = cached(manager, file);
    CHECK(content_of(result) == "abc");
    CHECK(result.cache == CacheUse::miss);
    CHECK(manager.run_stats().backend_failures == 3);  // asked twice, by identity and by trace, and told once
    CHECK(manager.run_stats().rejected == 0);
    for (int i = 0; i < 20; ++i) (void)cached(manager, file);
    // Neither asked nor offered records any more after eight failures in a row.
    CHECK(manager.run_stats().backend_failures == 8 + 8);
    CHECK_THROWS(manager.stats());
    CHECK_THROWS(manager.clear());
  }
}

TEST_CASE("a host's own backend serves hits", "[manager]") {
  const Workshop shop;
  const fs::path file = shop.file("a", "abc");
  const auto backend = make_memory_cache(1 << 20);
  CacheManager manager(backend, CacheSecret::random());
  CHECK(cached(manager, file).cache == CacheUse::miss);
  CHECK(cached(manager, file).cache == CacheUse::identity_hit);
  CHECK(manager.directory().empty());
  CHECK(manager.stats().entries == 1);
  CHECK(manager.stats().hits == 1);
  manager.flush();
  CHECK(manager.stats().hits == 1);
  CHECK(manager.clear().entries == 1);
  CHECK(cached(manager, file).cache == CacheUse::miss);
}

TEST_CASE("without a cache the scan is marked bypassed", "[manager]") {
  const Workshop shop;
  const fs::path file = shop.file("a", "abc");
  const ScanResult result = scan_with_cache(nullptr, plain_keys(), file, "a", [&](TraceNeed) { return scan_content(file); });
  CHECK(result.cache == CacheUse::bypassed);
  CHECK(content_of(result) == "abc");
  const auto manager = shop.open();
  CHECK(scan_with_cache(manager.get(), plain_keys(), file, "a", [&](TraceNeed) { return scan_content(file); }).cache ==
        CacheUse::miss);
}

TEST_CASE("totals outlive the run", "[manager]") {
  const Workshop shop;
  const fs::path file = shop.file("a", "abc");
  for (int run = 0; run < 3; ++run) (void)cached(*shop.open(), file);
  const auto manager = shop.open();
  (void)cached(*manager, file);
  CacheStats stats = manager->stats();
  CHECK(stats.hits == 3);
  CHECK(stats.misses == 1);
  CHECK(stats.entries == 1);
  CHECK(stats.bytes == fs::file_size(shop.records().at(0)));
  CHECK(stats.time_saved_us == 3000);
  manager->flush();
  manager->flush();
  stats = get_cache_manager(shop.options(), CacheAccess::inspect)->stats();
  CHECK(stats.hits == 3);
  CHECK(manager->run_stats().hits == 1);
}

TEST_CASE("clear() removes every entry and no other file", "[manager]") {
  const Workshop shop;
  for (const char* name : {"a", "b", "c"}) (void)cached(*shop.open(), shop.file(name, name));
  const fs::path shard = shop.records().at(0).parent_path();
  std::ofstream(shard / "notes.txt") << "precious";
  std::ofstream(shop.cache() / "package.json") << "precious";
  std::ofstream(shard / ".new-1-abc") << "left over";
  const auto manager = get_cache_manager(shop.options(), CacheAccess::inspect);
  const CacheRemoval removed = manager->clear();
  CHECK(removed.entries == 3);
  CHECK(removed.bytes > 300);
  CHECK(shop.records() == std::vector<fs::path>{shard / "notes.txt"});
  CHECK(fs::exists(shop.cache() / "package.json"));
  CHECK(manager->stats().entries == 0);
  CHECK(cached(*shop.open(), shop.file("d", "d")).cache == CacheUse::miss);
}

TEST_CASE("cleanup() goes by the last use; a dry run only counts", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  for (const char* name : {"a", "b"}) (void)cached(*manager, shop.file(name, name));
  const fs::path old = shop.records().at(0);
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(24 * 31));
  const std::chrono::hours month(24 * 30);
  CHECK(manager->cleanup(month, true).entries == 1);
  CHECK(fs::exists(old));
  CHECK(manager->cleanup(month).entries == 1);
  CHECK_FALSE(fs::exists(old));
  CHECK(manager->cleanup(month).entries == 0);
  CHECK(manager->cleanup(std::chrono::seconds::max()).entries == 0);
  CHECK(manager->cleanup(std::chrono::seconds::min()).entries == 1);
}

TEST_CASE("a folder over its limit is shrunk when the run ends", "[manager]") {
  const Workshop shop;
  CacheOptions options = shop.options();
  options.max_bytes = 4000;
  {
    const auto manager = get_cache_manager(options);
    std::vector<fs::path> files;
    for (int i = 0; i < 50; ++i) files.push_back(shop.folder.write("f" + std::to_string(i), "abc"));
    settle(files.back());
    for (const fs::path& file : files) (void)cached(*manager, file);
    CHECK(shop.records().size() == 50);
  }
  const CacheStats stats = get_cache_manager(options, CacheAccess::inspect)->stats();
  CHECK(stats.bytes <= 4000);
  CHECK(stats.bytes > 3000);
  // The estimate was set right: another small record does not start another round.
  (void)cached(*get_cache_manager(options), shop.file("one more", "abc"));
  CHECK(get_cache_manager(options, CacheAccess::inspect)->stats().entries == stats.entries + 1);
}

TEST_CASE("inspection of a folder that is not there finds an empty cache and makes none", "[manager]") {
  const Workshop shop;
  const auto manager = get_cache_manager(shop.options(), CacheAccess::inspect);
  CHECK(manager->stats().entries == 0);
  CHECK(manager->clear().entries == 0);
  CHECK(manager->cleanup(std::chrono::hours(1)).entries == 0);
  manager->flush();
  CHECK_FALSE(fs::exists(shop.cache()));
  CHECK_FALSE(fs::exists(shop.folder / "state"));
}

TEST_CASE("a foreign folder is an error that says what to do, for every purpose", "[manager]") {
  const Workshop shop;
  shop.folder.write("cache/package.json", "{}");
  for (const CacheAccess access : {CacheAccess::scan, CacheAccess::inspect}) {
    CHECK_THROWS_WITH(get_cache_manager(shop.options(), access), Catch::Contains("name an empty folder"));
  }
  CHECK(fs::file_size(shop.cache() / "package.json") == 2);
}

TEST_CASE("many threads share one manager", "[manager]") {
  const Workshop shop;
  const auto manager = shop.open();
  std::vector<fs::path> files;
  for (int i = 0; i < 40; ++i) files.push_back(shop.folder.write("f" + std::to_string(i), std::to_string(i)));
  settle(files.back());
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int round = 0; round < 5; ++round) {
          for (std::size_t i = 0; i < files.size(); ++i) {
            if (content_of(cached(*manager, files[i])) != std::to_string(i)) ++wrong;
          }
        }
      });
    }
  }
  CHECK(wrong == 0);
  const CacheStats stats = manager->run_stats();
  CHECK(stats.hits + stats.misses == 800);
  CHECK(stats.hits >= 640);
  CHECK(stats.rejected == 0);
}

TEST_CASE("verify() tells good entries from bad ones and removes only these", "[manager]") {
  const Workshop shop;
  {
    const auto manager = shop.open();
    for (const char* name : {"a", "b", "c", "d"}) (void)cached(*manager, shop.file(name, name));
  }
  const auto records = shop.records();
  REQUIRE(records.size() == 4);
  write_bytes(records[0], {});                                                              // cut short
  fs::copy_file(records[1], records[2], fs::copy_options::overwrite_existing);              // in another's place
  const auto manager = get_cache_manager(shop.options(), CacheAccess::verify);
  CacheCheck check = manager->verify();
  CHECK(check.good == 2);
  CHECK(check.bad == 2);
  CHECK(check.removed == 0);
  CHECK(shop.records() == records);
  check = manager->verify(true);
  CHECK(check.removed == 2);
  CHECK(shop.records() == std::vector<fs::path>{records[1], records[3]});
  CHECK(manager->verify().bad == 0);
}

TEST_CASE("verify() needs the key, and makes none", "[manager]") {
  const Workshop shop;
  (void)cached(*shop.open(), shop.file("a", "abc"));
  CacheOptions options = shop.options();
  options.key_file = shop.folder / "none.key";
  CHECK_THROWS_AS(get_cache_manager(options, CacheAccess::verify), Error);
  CHECK_FALSE(fs::exists(options.key_file));
  options.dir = shop.folder / "nowhere";
  CHECK(get_cache_manager(options, CacheAccess::verify)->verify().good == 0);
  CHECK_FALSE(fs::exists(options.dir));
}
