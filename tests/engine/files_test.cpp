#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "engine/engine.hpp"
#include "engine/toy_scanner.hpp"
#include "io/file.hpp"
#include "support/folder.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

class ToyModels {
 public:
  explicit ToyModels(Options options = plain_options(), ToyScanner::ScanFunction scan = report_evil) : options_(std::move(options)) {
    registry_.add(std::make_shared<ToyScanner>("toy", starts_with("TOY"), std::move(scan)));
  }
  Auditor auditor() const { return Auditor(options_, registry_); }

  static void report_evil(ScanContext& context) {
    if (context.bytes(0, context.size()).find("EVIL")) context.report(Finding(k_toy_rule, "seen"));
    context.cover(0, context.size());
  }

 private:
  Options options_;
  ScannerRegistry registry_;
};

}  // namespace

TEST_CASE("a missing path is an error entry, not an exception", "[files]") {
  const ScanReport report = ToyModels().auditor().scan("/no/such/path");
  REQUIRE(report.errors.size() == 1);
  CHECK(report.errors[0].code == Errc::not_found);
  CHECK(report.verdict() == Verdict::inconclusive);
  CHECK(ToyModels().auditor().scan_file("/no/such/path").coverage.gaps.at(0).kind == GapKind::io_error);
}

TEST_CASE("a folder with every kind of entry still reports the one malicious file", "[files]") {
  const TemporaryFolder folder;
  folder.write("b/evil.toy", "TOY EVIL");
  folder.write("a/good.toy", "TOY");
  folder.write("notes.xyz", "what is this");
  folder.write("empty.txt", "");
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_symlink("nowhere", folder / "broken");
  std::filesystem::create_symlink("a/good.toy", folder / "again.toy");
  std::filesystem::create_directory_symlink(folder.path(), folder / "a/loop");
  const ScanReport report = ToyModels().auditor().scan(folder.path());
  CHECK(report.verdict() == Verdict::malicious);
  CHECK(report.files.size() == 2);
  CHECK(report.files[0].path == (folder / "a/good.toy").string());
  CHECK(report.files[1].findings.size() == 1);
  CHECK(report.errors.size() == 2);
  CHECK(report.unknown.size() == 2);
  CHECK(report.skipped.size() == 1);
}

TEST_CASE("unknown files count under strict, and when they are named", "[files]") {
  const TemporaryFolder folder;
  folder.write("good.toy", "TOY");
  const auto unknown = folder.write("notes.xyz", "what is this");
  CHECK(ToyModels().auditor().scan(folder.path()).verdict() == Verdict::clean);
  Options strict = plain_options();
  strict.strict = true;
  CHECK(ToyModels(strict).auditor().scan(folder.path()).verdict() == Verdict::inconclusive);
  CHECK(ToyModels().auditor().scan(unknown).verdict() == Verdict::inconclusive);
}

TEST_CASE("an empty folder is not clean", "[files]") {
  const TemporaryFolder folder;
  CHECK(ToyModels().auditor().scan(folder.path()).verdict() == Verdict::inconclusive);
}

TEST_CASE("a link out of the folder is scanned and said", "[files]") {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  const auto target = elsewhere.write("evil.toy", "TOY EVIL");
  std::filesystem::create_symlink(target, folder / "model.toy");
  const ScanReport report = ToyModels().auditor().scan(folder.path());
  CHECK(report.files.at(0).verdict() == Verdict::malicious);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].rule == "folder-link-escape");
}

TEST_CASE("links of the hub's cache layout are ordinary", "[files]") {
  const TemporaryFolder folder;
  folder.write("models--o--n/blobs/abc123", "TOY");
  std::filesystem::create_directories(folder / "models--o--n/snapshots/rev1");
  std::filesystem::create_symlink("../../blobs/abc123", folder / "models--o--n/snapshots/rev1/model.toy");
  const ScanReport report = ToyModels().auditor().scan(folder / "models--o--n/snapshots/rev1");
  CHECK(report.findings.empty());
  CHECK(report.verdict() == Verdict::clean);
}

TEST_CASE("many threads give the report that one gives", "[files]") {
  const TemporaryFolder folder;
  for (int i = 0; i < 200; ++i) {
    folder.write("d" + std::to_string(i % 7) + "/f" + std::to_string(i), i % 3 == 0 ? "TOY EVIL" : "TOY");
  }
  Options many = plain_options();
  many.threads = 8;
  const ScanReport one = ToyModels().auditor().scan(folder.path());
  const ScanReport eight = ToyModels(many).auditor().scan(folder.path());
  CHECK(one.files.size() == 200);
  CHECK(one.files == eight.files);
}

TEST_CASE("targets are reported under names of the caller's, with metadata of the caller's", "[files]") {
  TemporaryFolder folder;
  const auto path = folder.write("a/evil.toy", "TOY EVIL");
  folder.write("b/sub/x.toy", "TOY");
  folder.write("b/notes", "nothing of ours");
  const std::vector<Target> targets = {
      {path, "https://h/r/evil.toy", {}, true, {{"source.url", "https://h/r/evil.toy"}}},
      {folder / "b", "remote:b", {}, false, {}},
      {folder / "gone", "remote:gone", {}, false, {}},
      {folder / "b/notes", "remote:again", {}, true, {}},
  };
  const ScanReport report = ToyModels().auditor().scan(std::span(targets));
  REQUIRE(report.files.size() == 2);
  CHECK(report.files[0].path == "https://h/r/evil.toy");
  REQUIRE(report.files[0].findings.size() == 1);
  CHECK(report.files[0].findings[0].where.path == "https://h/r/evil.toy");
  CHECK(report.files[0].metadata == decltype(Target::metadata){{"source.url", "https://h/r/evil.toy"}});
  CHECK(report.files[1].path == "remote:b/sub/x.toy");
  CHECK(report.files[1].metadata.empty());
  CHECK(report.unknown == std::vector<std::string>{"remote:b/notes"});
  REQUIRE(report.errors.size() == 1);
  CHECK(report.errors[0].path == "remote:gone");
}

TEST_CASE("a file over the size limit is inconclusive", "[files]") {
  const TemporaryFolder folder;
  Options options = plain_options();
  options.limits.file_size = 4;
  CHECK(ToyModels(options).auditor().scan_file(folder.write("a", "TOY ")).complete());
  const ScanResult result = ToyModels(options).auditor().scan_file(folder.write("b", "TOY x"));
  CHECK(result.coverage.gaps.at(0).kind == GapKind::limit);
  CHECK(result.deterministic);
}

TEST_CASE("a file that is truncated while it is scanned is inconclusive and lives on", "[files]") {
  const TemporaryFolder folder;
  for (const ReadStrategy strategy : {ReadStrategy::mapped, ReadStrategy::positioned}) {
    const auto path = folder.write("model.toy", "TOY" + std::string(1 << 20, 'x'));
    Options options = plain_options();
    options.read = strategy;
    const Auditor auditor = ToyModels(options, [&](ScanContext& context) {
      REQUIRE(truncate(path.c_str(), 100) == 0);
      std::uint64_t sum = 0;
      const ByteView all = context.bytes(1 << 19, 1000);
      for (std::uint64_t i = 0; i < all.size(); ++i) sum += all[i];
      CHECK(sum == 0);
      context.cover(0, context.size());
    }).auditor();
    const ScanResult result = auditor.scan_file(path);
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::inconclusive);
    CHECK_FALSE(result.deterministic);
    const auto changed = [](const Gap& gap) { return gap.kind == GapKind::changed; };
    CHECK(std::any_of(result.coverage.gaps.begin(), result.coverage.gaps.end(), changed));
  }
}

TEST_CASE("a descriptor is scanned where it stands, and its position stays", "[files]") {
  const TemporaryFolder folder;
  const auto path = folder.write("evil.toy", "TOY EVIL");
  const int fd = ::open(path.c_str(), O_RDONLY);
  REQUIRE(lseek(fd, 3, SEEK_SET) == 3);
  std::filesystem::remove(path);
  CHECK(ToyModels().auditor().scan_fd(fd, "evil.toy").verdict() == Verdict::malicious);
  CHECK(lseek(fd, 0, SEEK_CUR) == 3);
  ::close(fd);
  CHECK(ToyModels().auditor().scan_fd(fd, "closed").verdict() == Verdict::inconclusive);
}

TEST_CASE("a trace holds exactly what was handed out, merged, and the questions about the name", "[files]") {
  const TemporaryFolder folder;
  const auto path = folder.write("model.toy", "TOY" + std::string(1 << 20, 'x'));
  ScannerRegistry registry;
  const auto match = [](const Probe& probe) {
    (void)probe.name_ends_with(".PT");
    return probe.name_ends_with(".toy") ? Match::strong : Match::no;
  };
  registry.add(std::make_shared<ToyScanner>("toy", match, [](ScanContext& context) {
    (void)context.bytes(200'000, 10);
    (void)context.bytes(100'000, 10);
    (void)context.bytes(100'005, 10);
    context.cover_declared(0, context.size());
  }));
  for (const ReadStrategy strategy : {ReadStrategy::mapped, ReadStrategy::positioned}) {
    Options options = plain_options();
    options.read = strategy;
    const engine::Engine engine(registry, options);
    const auto fd = io::open_regular(path);
    REQUIRE(fd);
    const auto outcome = engine.scan_descriptor({.fd = fd->get(), .name = "model.toy", .shown = "model.toy"});
    CHECK(outcome.trace.ranges == std::vector<ByteRange>{{0, 65536}, {100'000, 15}, {200'000, 10}});
    CHECK(outcome.trace.questions == std::vector<NameQuestion>{{".pt", false}, {".toy", true}});
    CHECK(outcome.trace.identity.size == (1 << 20) + 3);
  }
}

TEST_CASE("after the time limit over all files none is begun, and the report says how many are missing", "[files]") {
  const TemporaryFolder folder;
  for (const char* name : {"a.toy", "b.toy", "c.toy"}) folder.write(name, "TOY EVIL");
  Options options = plain_options();
  options.threads = 1;
  options.total_time = std::chrono::milliseconds{1000};
  const auto slow = [](ScanContext& context) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1200});
    ToyModels::report_evil(context);
  };
  const ScanReport report = ToyModels(options, slow).auditor().scan(folder.path());
  REQUIRE(report.errors.size() == 1);
  CHECK(report.errors[0].code == Errc::timed_out);
  CHECK(report.errors[0].message.find("2 of 3 files") != std::string::npos);
  // The one that was begun is finished.
  REQUIRE(report.files.size() == 1);
  CHECK(report.verdict() == Verdict::malicious);
  options.total_time = std::chrono::milliseconds{0};
  const ScanReport none = ToyModels(options, slow).auditor().scan(folder.path());
  CHECK(none.files.empty());
  CHECK(none.verdict() == Verdict::inconclusive);
}
