// Hits by content: files that were copied, renamed, touched or fetched again, and those that only look like it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "cache/support.hpp"
#include "io/sha256.hpp"
#include "modelaudit/report.hpp"
#include "support/hex.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

/// Claims files that begin with "TRACE"; reads the line and the number behind it, and that many bytes from the end. So
/// most of the file is not looked at. Names that end in .txt are another format to it.
class LineScanner final : public Scanner {
 public:
  LineScanner() { info_.id = "line"; }
  const ScannerInfo& info() const noexcept override { return info_; }
  Match match(const Probe& probe) const override { return probe.bytes(0, 5).starts_with("TRACE") ? Match::strong : Match::no; }
  void scan(ScanContext& context) const override {
    ++scans;
    Finding finding;
    finding.rule = "test-line";
    finding.severity = Severity::warning;
    finding.message = std::string(context.bytes(5, 3).text()) + (context.probe().name_ends_with(".txt") ? " text" : " model");
    context.report(finding);
    context.cover(0, context.size());
    context.metadata("first", "x");
    context.inconclusive(GapKind::unsupported, "a gap", ScanContext::at(7));
  }
  mutable std::atomic<int> scans{0};

 private:
  ScannerInfo info_;
};

struct Scene {
  Workshop shop;
  std::shared_ptr<LineScanner> scanner = std::make_shared<LineScanner>();
  /// 300 KB of which the scan reads the first 64 KiB (identification) and no more.
  std::string content = "TRACE one" + std::string(300'000, 'w');

  Options options(CacheVerify verify = CacheVerify::stat) const {
    Options options;
    options.cache = shop.options();
    options.cache.verify = verify;
    return options;
  }
  Auditor auditor(const Options& options) const {
    ScannerRegistry registry;
    registry.add(scanner);
    return Auditor(options, registry);
  }
  ScanResult scan(const fs::path& file, CacheVerify verify = CacheVerify::stat) const {
    return auditor(options(verify)).scan_file(file);
  }
};

ScanResult under(ScanResult result, const fs::path& path) {
  result.path = path.string();
  for (Finding& finding : result.findings) finding.where.path = result.path;
  for (Gap& gap : result.coverage.gaps) gap.where.path = result.path;
  return result;
}

void overwrite(const fs::path& path, std::uint64_t offset, const std::string& text) {
  std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(offset));
  out << text;
}

}  // namespace

TEST_CASE("a copy under another name is a hit that does not know the old name", "[trace]") {
  const Scene scene;
  const fs::path file = scene.shop.file("original-name.bin", scene.content);
  const ScanResult first = scene.scan(file);
  REQUIRE(first.cache == CacheUse::miss);
  const fs::path copy = scene.shop.file("elsewhere/other.model", scene.content);
  const ScanResult hit = scene.scan(copy);
  CHECK(hit.cache == CacheUse::trace_hit);
  CHECK(hit == under(first, copy));
  CHECK(hit.duration_us == first.duration_us);
  CHECK(hit.to_json().find("original-name") == std::string::npos);
  ScanReport report;
  report.files = {hit};
  ReportOptions everything;
  everything.verbose = true;
  CHECK(render_json(report, everything).find("original-name") == std::string::npos);
  CHECK(render_text(report, everything).find("original-name") == std::string::npos);
  // From now on it is known by its identity.
  CHECK(scene.scan(copy).cache == CacheUse::identity_hit);
  CHECK(scene.scan(copy) == under(first, copy));
  CHECK(scene.scan(file).cache == CacheUse::identity_hit);
  CHECK(scene.scanner->scans == 1);
}

TEST_CASE("a file that is moved, touched or written again with the same bytes is a hit", "[trace]") {
  const Scene scene;
  fs::path file = scene.shop.file("a.bin", scene.content);
  (void)scene.scan(file);
  SECTION("moved") {
    fs::rename(file, scene.shop.folder / "b.bin");
    file = scene.shop.folder / "b.bin";
  }
  SECTION("touched") { REQUIRE(utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0); }
  SECTION("written again") { scene.shop.folder.write("a.bin", scene.content); }
  SECTION("another mode") { fs::permissions(file, fs::perms::owner_read); }
  CHECK(scene.scan(file).cache == CacheUse::trace_hit);  // at once, though it changed this very moment
  settle(file);
  CHECK(scene.scan(file).cache == CacheUse::trace_hit);
  CHECK(scene.scan(file).cache == CacheUse::identity_hit);
  CHECK(scene.scanner->scans == 1);
}

TEST_CASE("a file that was written a moment ago is kept by its content at once", "[trace]") {
  const Scene scene;
  // A stamp of the future is the moment that does not pass.
  const fs::path file = scene.shop.folder.write("a.bin", scene.content);
  (void)scene.scan(file);
  CHECK(scene.scan(file).cache != CacheUse::miss);
  CHECK(scene.scanner->scans == 1);
}

TEST_CASE("a file that somebody has open for writing is kept by its content alone", "[trace]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", scene.content);
  {
    const std::ofstream writer(file, std::ios::app);
    CHECK(scene.scan(file).cache == CacheUse::miss);
    CHECK(scene.shop.records().size() == 1);
    CHECK(scene.scan(file).cache == CacheUse::trace_hit);
    CHECK(scene.scan(file).cache == CacheUse::trace_hit);
    CHECK(scene.shop.records().size() == 1);
  }
  CHECK(scene.scan(file).cache == CacheUse::trace_hit);
  CHECK(scene.scan(file).cache == CacheUse::identity_hit);
}

TEST_CASE("bytes that the scan read decide, all others do not", "[trace]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", scene.content);
  const ScanResult first = scene.scan(file);
  SECTION("one that was read") {
    overwrite(file, 7, "X");
    const ScanResult now = scene.scan(file);
    CHECK(now.cache == CacheUse::miss);
    CHECK(now.findings.at(0).message != first.findings.at(0).message);
  }
  SECTION("the last that was read") {
    overwrite(file, (64 << 10) - 1, "X");
    CHECK(scene.scan(file).cache == CacheUse::miss);
  }
  SECTION("one that was not") {
    overwrite(file, 64 << 10, "X");
    CHECK(scene.scan(file).cache == CacheUse::trace_hit);
    CHECK(scene.scan(file) == first);
  }
  SECTION("the size") {
    overwrite(file, scene.content.size(), "X");
    CHECK(scene.scan(file).cache == CacheUse::miss);
  }
}

TEST_CASE("what was asked of the name is asked of the new name", "[trace]") {
  const Scene scene;
  (void)scene.scan(scene.shop.file("a.bin", scene.content));
  const fs::path text = scene.shop.file("a.TXT", scene.content);
  const ScanResult as_text = scene.scan(text);
  CHECK(as_text.cache == CacheUse::miss);
  CHECK(as_text.findings.at(0).message == " on text");
  // Both results are kept beside each other.
  CHECK(scene.scan(scene.shop.file("b.bin", scene.content)).findings.at(0).message == " on model");
  CHECK(scene.scan(scene.shop.file("b.txt", scene.content)).findings.at(0).message == " on text");
  CHECK(scene.scanner->scans == 2);
}

TEST_CASE("any number of files with the same size, head and tail are told apart", "[trace]") {
  const Scene scene;
  const auto content = [&](int i) {
    std::string text = scene.content;
    text.replace(20'000, 4, std::to_string(1000 + i));  // read, but neither in the head nor in the tail
    return text;
  };
  for (int i = 0; i < 40; ++i) CHECK(scene.scan(scene.shop.file("m" + std::to_string(i), content(i))).cache == CacheUse::miss);
  for (int i = 0; i < 40; ++i) CHECK(scene.scan(scene.shop.file("c" + std::to_string(i), content(i))).cache == CacheUse::trace_hit);
  CHECK(scene.scanner->scans == 40);
}

TEST_CASE("levels of verification ask for more and more", "[trace]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", scene.content);
  REQUIRE(scene.scan(file).cache == CacheUse::miss);
  CHECK(scene.scan(file, CacheVerify::stat).cache == CacheUse::identity_hit);
  CHECK(scene.scan(file, CacheVerify::trace).cache == CacheUse::trace_hit);
  CHECK(scene.scan(file, CacheVerify::always).cache == CacheUse::miss);  // nobody has hashed the whole of it yet
  CHECK(scene.scan(file, CacheVerify::always).cache == CacheUse::trace_hit);
  overwrite(file, 200'000, "not read by the scan");
  settle(file);
  CHECK(scene.scan(file, CacheVerify::trace).cache == CacheUse::trace_hit);
  CHECK(scene.scan(file, CacheVerify::always).cache == CacheUse::miss);
  CHECK(scene.scan(file, CacheVerify::always).cache == CacheUse::trace_hit);
  CHECK(scene.scanner->scans == 3);
}

TEST_CASE("--strict verifies by content", "[trace]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", scene.content);
  Options strict = scene.options();
  strict.strict = true;
  CHECK(scene.auditor(strict).scan_file(file).cache == CacheUse::miss);
  CHECK(scene.auditor(strict).scan_file(file).cache == CacheUse::trace_hit);
  CHECK(scene.scan(file).cache == CacheUse::identity_hit);  // stored for those who trust more, too
  CHECK(scene.scanner->scans == 1);
}

TEST_CASE("--refresh believes nothing and stores anew", "[trace]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", scene.content);
  Options refresh = scene.options();
  refresh.cache.refresh = true;
  (void)scene.scan(file);
  const auto records = scene.shop.records();
  std::vector<fs::file_time_type> before;
  for (const fs::path& record : records) before.push_back(fs::last_write_time(record));
  CHECK(scene.auditor(refresh).scan_file(file).cache == CacheUse::miss);
  CHECK(scene.scanner->scans == 2);
  CHECK(scene.shop.records() == records);
  for (std::size_t i = 0; i < records.size(); ++i) CHECK(fs::last_write_time(records[i]) > before[i]);
  CHECK(scene.scan(file).cache == CacheUse::identity_hit);
}

TEST_CASE("unknown, empty and over-limit files are hits after a copy", "[trace]") {
  const Scene scene;
  Options small = scene.options();
  small.limits.file_size = 1000;
  const std::vector<std::pair<std::string, Options>> cases = {
      {"unknown", scene.options()}, {"", scene.options()}, {scene.content, small}};
  int n = 0;
  for (const auto& [content, options] : cases) {
    const std::string name = "f" + std::to_string(n++);
    const ScanResult first = scene.auditor(options).scan_file(scene.shop.file(name, content));
    CHECK(first.cache == CacheUse::miss);
    CHECK_FALSE(first.complete());
    const fs::path copy = scene.shop.file(name + ".copy", content);
    const ScanResult hit = scene.auditor(options).scan_file(copy);
    CHECK(hit.cache == CacheUse::trace_hit);
    CHECK(hit == under(first, copy));
  }
}

TEST_CASE("both ways of reading make traces that the other finds", "[trace]") {
  const Scene scene;
  Options by_position = scene.options();
  by_position.read = ReadStrategy::positioned;
  Options mapped = scene.options();
  mapped.read = ReadStrategy::mapped;
  CHECK(scene.auditor(by_position).scan_file(scene.shop.file("a", scene.content)).cache == CacheUse::miss);
  CHECK(scene.auditor(mapped).scan_file(scene.shop.file("b", scene.content)).cache == CacheUse::trace_hit);
}

TEST_CASE("content that is known by its digest alone is found without a file", "[trace]") {
  const Scene scene;
  const Auditor auditor = scene.auditor(scene.options());
  CacheManager& cache = *auditor.cache();
  const SmartCacheKeyGenerator keys(auditor.options(), auditor.registry());
  const ContentId id{io::sha256(std::as_bytes(std::span(scene.content))), scene.content.size()};
  const fs::path file = scene.shop.file("a.bin", scene.content);
  CHECK_FALSE(cache.find_content(keys, id, "a.bin", "far://a.bin"));
  const auto scan = [&](TraceNeed need) {
    TracedResult entry = scan_content(file, need);
    entry.trace.questions = {{".bin", file.extension() == ".bin"}};
    return entry;
  };
  CHECK(cache.cached_scan(keys, file, "a.bin", scan, &id).cache == CacheUse::miss);
  const auto found = cache.find_content(keys, id, "x.bin", "far://x.bin");
  REQUIRE(found);
  CHECK(found->cache == CacheUse::trace_hit);
  CHECK(found->path == "far://x.bin");
  CHECK(found->findings.at(0).where.path == "far://x.bin");
  CHECK_FALSE(cache.find_content(keys, id, "x.txt", "x.txt"));
  ContentId other = id;
  other.sha256[0] ^= 1;
  CHECK_FALSE(cache.find_content(keys, other, "x.bin", "x.bin"));
  other = id;
  ++other.size;
  CHECK_FALSE(cache.find_content(keys, other, "x.bin", "x.bin"));
  Options deep = scene.options();
  deep.deep = true;
  CHECK_FALSE(cache.find_content(SmartCacheKeyGenerator(deep, auditor.registry()), id, "x.bin", "x.bin"));
  // A file that is known so is found so, wherever it lies.
  const fs::path copy = scene.shop.file("sub/b.bin", scene.content);
  CHECK(cache.cached_scan(keys, copy, "b", scan, &id).cache == CacheUse::trace_hit);
}

TEST_CASE("a result that rested on files beside it is not found by content alone", "[trace]") {
  const Scene scene;
  const auto manager = scene.shop.open();
  const fs::path file = scene.shop.file("a.bin", "abc");
  const ContentId id{io::sha256(std::as_bytes(std::span("abc", 3))), 3};
  bool listing = GENERATE(false, true);
  const auto scan = [&](TraceNeed need) {
    TracedResult entry = scan_content(file, need);
    if (listing) entry.trace.listings = {{"", "*.json", {}}};
    if (!listing) entry.trace.companions = {{"config.json", false, {}, {}, {}}};
    return entry;
  };
  CHECK(manager->cached_scan(plain_keys(), file, "a", scan, &id).cache == CacheUse::miss);
  CHECK_FALSE(manager->find_content(plain_keys(), id, "a.bin", "a"));
  CHECK(manager->cached_scan(plain_keys(), scene.shop.file("other/a.bin", "abc"), "a", scan, &id).cache ==
        CacheUse::trace_hit);
}

TEST_CASE("files beside a copy decide too", "[trace]") {
  const Scene scene;
  const auto manager = scene.shop.open();
  const auto scan_of = [&](const fs::path& file) {
    return manager->cached_scan(plain_keys(), file, "a", [&](TraceNeed need) {
      TracedResult entry = scan_content(file, need);
      entry.trace.companions = {companion_of(file.parent_path(), "config.json", {{0, 2}}),
                                companion_of(file.parent_path(), "none.json", {})};
      entry.trace.listings = {listing_of(file.parent_path(), "*.json")};
      return entry;
    });
  };
  scene.shop.file("one/config.json", "{}tail");
  (void)scan_of(scene.shop.file("one/a.bin", "abc"));
  const fs::path copy = scene.shop.file("two/a.bin", "abc");
  bool hit = false;
  SECTION("the same") {
    scene.shop.file("two/config.json", "{}tail");
    hit = true;
  }
  SECTION("other bytes that were not read") {
    scene.shop.file("two/config.json", "{}TAIL");
    hit = true;
  }
  SECTION("other bytes that were read") { scene.shop.file("two/config.json", "[]tail"); }
  SECTION("another size") { scene.shop.file("two/config.json", "{}"); }
  SECTION("missing") {}
  SECTION("one that was missing appears") {
    scene.shop.file("two/config.json", "{}tail");
    scene.shop.file("two/none.json", "");
  }
  SECTION("one more that matches") {
    scene.shop.file("two/config.json", "{}tail");
    scene.shop.file("two/more.json", "");
  }
  SECTION("one more that does not match") {
    scene.shop.file("two/config.json", "{}tail");
    scene.shop.file("two/readme.txt", "");
    hit = true;
  }
  CHECK(scan_of(copy).cache == (hit ? CacheUse::trace_hit : CacheUse::miss));
  CHECK(scan_of(copy).cache == CacheUse::identity_hit);
  CHECK(scan_of(scene.shop.folder / "one/a.bin").cache == CacheUse::identity_hit);
}

TEST_CASE("a file that changes while it is verified is scanned", "[trace]") {
  /// Changes the file when a record is asked for, which is between the stat and the verification.
  class ChangingBackend final : public CacheBackend {
   public:
    Result<std::optional<std::vector<std::byte>>> get(const Digest& key) override {
      if (on_get) on_get();
      return inner->get(key);
    }
    Result<void> put(const Digest& key, std::span<const std::byte> record) override { return inner->put(key, record); }
    Result<void> erase(const Digest& key) override { return inner->erase(key); }
    Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>& visit) override { return inner->for_each(visit); }
    Result<BackendStats> stats() override { return inner->stats(); }

    std::shared_ptr<CacheBackend> inner = make_memory_cache(1 << 20);
    std::function<void()> on_get;
  };
  const Scene scene;
  const auto backend = std::make_shared<ChangingBackend>();
  ScannerRegistry registry;
  registry.add(scene.scanner);
  const Auditor auditor(scene.options(), registry, std::make_shared<CacheManager>(backend, CacheSecret::random()));
  const fs::path file = scene.shop.file("a.bin", scene.content);
  (void)auditor.scan_file(file);
  const fs::path copy = scene.shop.file("b.bin", scene.content);
  int asked = 0;
  bool replace = false;
  SECTION("before it is opened") { asked = 1; }
  SECTION("after it was opened") { asked = 0; }
  SECTION("another file takes its name") { replace = true; }
  backend->on_get = [&] {
    if (asked++ != 1) return;
    if (replace) {
      fs::rename(scene.shop.file("c.bin", "TRACEnew"), copy);
    } else {
      overwrite(copy, 5, "new");
    }
  };
  const ScanResult now = auditor.scan_file(copy);
  CHECK(now.cache == CacheUse::miss);
  CHECK(now.findings.at(0).message == "new model");
  backend->on_get = {};
  CHECK(auditor.scan_file(copy).findings.at(0).message == "new model");
}

TEST_CASE("threads that store the same content under many names at once lose nothing", "[trace]") {
  const Scene scene;
  const auto manager = scene.shop.open();
  const auto scan = [&](const fs::path& file) {
    return manager
        ->cached_scan(plain_keys(), file, "a",
                      [&](TraceNeed need) {
                        TracedResult entry = scan_content(file, need);
                        entry.trace.questions = {{file.extension().string(), true}};  // each name is asked something else
                        return entry;
                      })
        .cache;
  };
  std::vector<fs::path> files;
  for (int i = 0; i < 20; ++i) files.push_back(scene.shop.file("m.x" + std::to_string(i), "abc"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = static_cast<std::size_t>(t); i < files.size(); i += 4) (void)scan(files[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 20; ++i) {
    CHECK(scan(scene.shop.file("copy/m.x" + std::to_string(i), "abc")) == CacheUse::trace_hit);
  }
}

TEST_CASE("however fast a file is rewritten, no trace is of other bytes than the scan saw", "[trace]") {
  const Scene scene;
  const auto content = [&](const char* word) {
    std::string text = scene.content;
    return text.replace(5, 3, word);
  };
  const bool holds_it_open = GENERATE(false, true);
  const fs::path file = scene.shop.folder.write("a.bin", content("one"));
  const Auditor auditor = scene.auditor(scene.options());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    std::fstream held(file, std::ios::in | std::ios::out | std::ios::binary);
    for (int i = 0; !stop; ++i) {
      const char* word = i % 2 == 0 ? "two" : "one";
      if (!holds_it_open) {
        held.close();
        overwrite(file, 5, word);
        continue;
      }
      held.seekp(5);
      held << word << std::flush;
    }
  });
  for (int i = 0; i < 400; ++i) (void)auditor.scan_file(file);
  stop = true;
  writer.join();
  // Whatever was stored meanwhile: it tells the truth.
  for (int i = 0; i < 3; ++i) {
    for (const char* word : {"one", "two"}) {
      const fs::path now = scene.shop.folder.write("b" + std::to_string(i) + word, content(word));
      CHECK(auditor.scan_file(now).findings.at(0).message == std::string(word) + " model");
      overwrite(file, 5, word);
      CHECK(auditor.scan_file(file).findings.at(0).message == std::string(word) + " model");
    }
  }
}

TEST_CASE("old entries that are put back say nothing false", "[trace]") {
  const Scene scene;
  const fs::path file = scene.shop.file("a.bin", scene.content);
  (void)scene.scan(file);
  const fs::path kept = scene.shop.folder / "kept";
  fs::copy(scene.shop.cache() / "entries-1", kept, fs::copy_options::recursive);
  const auto put_back = [&] {
    fs::copy(kept, scene.shop.cache() / "entries-1", fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  };
  overwrite(file, 5, "new");
  settle(file);
  put_back();
  CHECK(scene.scan(file).findings.at(0).message == "new model");
  put_back();
  CHECK(scene.scan(file).cache == CacheUse::identity_hit);
  CHECK(scene.scan(file).findings.at(0).message == "new model");
  // Every record in the place of every other one.
  for (const fs::path& to : scene.shop.records()) {
    for (const auto& from : fs::recursive_directory_iterator(kept)) {
      if (!from.is_regular_file()) continue;
      fs::copy_file(from.path(), to, fs::copy_options::overwrite_existing);
      CHECK(scene.scan(file).findings.at(0).message == "new model");
    }
  }
}

TEST_CASE("what a scan that read by position had no memory for is not kept", "[trace]") {
  const Scene scene;
  Options options = scene.options();
  options.read = ReadStrategy::positioned;
  options.limits.memory = (64 << 10) + 1;  // the head, for identification, and no more
  const fs::path file = scene.shop.file("a.bin", scene.content);
  const ScanResult result = scene.auditor(options).scan_file(file);
  CHECK(result.coverage.gaps.at(0).what == "limit: memory for one file");
  CHECK(scene.shop.records().empty());
  options.read = ReadStrategy::mapped;
  CHECK(scene.auditor(options).scan_file(file).findings.size() == 1);
  CHECK(scene.shop.records().size() == 2);
}
