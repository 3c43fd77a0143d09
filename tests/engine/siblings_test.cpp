#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "engine/engine.hpp"
#include "engine/toy_scanner.hpp"
#include "io/file.hpp"
#include "io/range_digest.hpp"
#include "support/folder.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

/// An engine with one scanner that does what the test says, and marks everything as read.
class ToyEngine {
 public:
  explicit ToyEngine(ToyScanner::ScanFunction scan, Options options = plain_options()) : options_(std::move(options)) {
    registry_.add(std::make_shared<ToyScanner>("toy", starts_with("TOY"), [scan = std::move(scan)](ScanContext& context) {
      context.cover(0, context.size());
      scan(context);
    }));
  }
  engine::ScanOutcome scan(const fs::path& path, TraceNeed need = TraceNeed::none) const {
    const auto fd = io::open_regular(path);
    REQUIRE(fd);
    const std::string name = path.filename().string();
    return engine::Engine(registry_, options_)
        .scan_descriptor({.fd = fd->get(), .name = name, .shown = name, .need = need, .folder = path.parent_path()});
  }
  Auditor auditor() const { return Auditor(options_, registry_); }

 private:
  Options options_;
  ScannerRegistry registry_;
};

}  // namespace

TEST_CASE("a sibling is read by range and every range is in the trace", "[siblings]") {
  const TemporaryFolder folder;
  const fs::path model = folder.write("m.toy", "TOY");
  folder.write("sub/w.bin", std::string(100'000, 'w'));
  for (const ReadStrategy strategy : {ReadStrategy::mapped, ReadStrategy::positioned}) {
    Options options = plain_options();
    options.read = strategy;
    const ToyEngine toy([](ScanContext& context) {
      REQUIRE(context.has_folder());
      const auto sibling = context.sibling("./sub//w.bin");
      REQUIRE(sibling);
      CHECK(sibling->size() == 100'000);
      const ByteView late = sibling->bytes(90'000, 10);
      CHECK(late.offset() == 90'000);
      CHECK(late.all('w'));
      CHECK(sibling->bytes(100'000, 0).empty());
      CHECK_THROWS_AS(sibling->bytes(99'999, 2), Malformed);
      CHECK_THROWS_AS(sibling->bytes(~std::uint64_t{0}, 2), Malformed);
      (void)context.sibling("sub/w.bin")->bytes(5, 5);
      CHECK_FALSE(context.sibling("none"));
    }, options);
    const auto outcome = toy.scan(model);
    CHECK(outcome.result.deterministic);
    CHECK(outcome.result.complete());
    REQUIRE(outcome.trace.companions.size() == 2);
    CHECK(outcome.trace.companions[0].relative_path == "none");
    CHECK_FALSE(outcome.trace.companions[0].existed);
    const Companion& read = outcome.trace.companions[1];
    CHECK(read.relative_path == "sub/w.bin");
    CHECK(read.existed);
    CHECK(read.identity.size == 100'000);
    CHECK(read.ranges == std::vector<ByteRange>{{5, 5}, {90'000, 10}});
  }
}

TEST_CASE("the digests of siblings cover what was read, whatever they are wanted for", "[siblings]") {
  const TemporaryFolder folder;
  const fs::path model = folder.write("m.toy", "TOY");
  const fs::path weights = folder.write("w.bin", "0123456789");
  for (const TraceNeed need : {TraceNeed::digest, TraceNeed::exact}) {
    const auto outcome = ToyEngine([](ScanContext& context) {
      (void)context.sibling("w.bin")->bytes(2, 2);
      (void)context.sibling("w.bin")->bytes(7, 1);
    }).scan(model, need);
    const Companion& read = outcome.trace.companions.at(0);
    CHECK(read.ranges == std::vector<ByteRange>{{2, 2}, {7, 1}});
    const auto fd = io::open_regular(weights);
    REQUIRE(fd);
    CHECK(read.digest == *io::digest_of_ranges(fd->get(), read.ranges));
  }
}

TEST_CASE("names and links that leave the folder lead to no sibling", "[siblings]") {
  const TemporaryFolder folder;
  folder.write("secret", "x");
  const fs::path model = folder.write("model/m.toy", "TOY");
  fs::create_symlink("../secret", folder / "model/link");
  const auto outcome = ToyEngine([&](ScanContext& context) {
    for (const std::string& name : {std::string("../secret"), (folder / "secret").string(), std::string("..\\secret"),
                                    std::string("a/../../secret"), std::string(), std::string("secret\0x", 8)}) {
      CHECK_FALSE(context.sibling(name));
    }
    CHECK_FALSE(context.sibling("link"));
    CHECK(context.listing("*") == std::vector<std::string>{"link", "m.toy"});
    CHECK(context.listing("../*").empty());
    CHECK(context.listing("/*").empty());
  }).scan(model);
  CHECK(outcome.result.deterministic);
  // Only what the file system was asked is an observation.
  REQUIRE(outcome.trace.companions.size() == 1);
  CHECK(outcome.trace.companions[0].relative_path == "link");
  REQUIRE(outcome.trace.listings.size() == 1);
  CHECK(outcome.trace.listings[0] == Listing{"", "*", {"link", "m.toy"}});
}

TEST_CASE("bytes, descriptors and members have no folder", "[siblings]") {
  const TemporaryFolder folder;
  const fs::path model = folder.write("m.toy", "TOYTOY");
  int asked = 0;
  const ToyEngine toy([&](ScanContext& context) {
    if (context.probe().is_top_level() && context.has_folder()) {
      (void)context.scan_child({.name = "inner", .content = ByteRange{3, 3}});
      return;
    }
    ++asked;
    CHECK_FALSE(context.has_folder());
    CHECK_FALSE(context.sibling("m.toy"));
    CHECK(context.listing("*").empty());
  });
  CHECK(toy.scan(model).trace.companions.empty());
  CHECK(asked == 1);
  const Auditor auditor = toy.auditor();
  (void)auditor.scan_bytes(as_view("TOY").span(), "m.toy");
  CHECK(asked == 2);
  const auto fd = io::open_regular(model);
  REQUIRE(fd);
  (void)auditor.scan_fd(fd->get(), "m.toy");
  CHECK(asked == 3);
}

TEST_CASE("siblings are counted", "[siblings]") {
  const TemporaryFolder folder;
  const fs::path model = folder.write("m.toy", "TOY");
  Options options = plain_options();
  options.limits.siblings = 3;
  const auto outcome = ToyEngine([](ScanContext& context) {
    for (int i = 0; i < 3; ++i) (void)context.sibling("n" + std::to_string(i));
    (void)context.sibling("n0");  // asked before: costs nothing
    context.metadata("three", "asked");
    (void)context.sibling("n3");
  }, options).scan(model);
  REQUIRE(outcome.result.coverage.gaps.size() == 1);
  CHECK(outcome.result.coverage.gaps[0].kind == GapKind::limit);
  CHECK(outcome.result.metadata.size() == 1);
  CHECK(outcome.result.deterministic);
}

TEST_CASE("a sibling that shrinks while it is read is a change, and no signal", "[siblings]") {
  const TemporaryFolder folder;
  const fs::path model = folder.write("m.toy", "TOY");
  for (const ReadStrategy strategy : {ReadStrategy::mapped, ReadStrategy::positioned}) {
    const fs::path weights = folder.write("w.bin", std::string(1 << 20, 'w'));
    Options options = plain_options();
    options.read = strategy;
    const auto outcome = ToyEngine([&](ScanContext& context) {
      const auto sibling = context.sibling("w.bin");
      REQUIRE(sibling);
      REQUIRE(truncate(weights.c_str(), 100) == 0);
      const ByteView view = sibling->bytes(1 << 19, 1000);
      CHECK(view.all(0));
    }, options).scan(model);
    CHECK_FALSE(outcome.result.deterministic);
    REQUIRE(outcome.result.coverage.gaps.size() >= 1);
    CHECK(outcome.result.coverage.gaps[0].kind == GapKind::changed);
  }
}

TEST_CASE("a sibling that is replaced between two looks is a change", "[siblings]") {
  const TemporaryFolder folder;
  const fs::path model = folder.write("m.toy", "TOY");
  const bool again = GENERATE(true, false);
  folder.write("w.bin", "one");
  const auto outcome = ToyEngine([&](ScanContext& context) {
    CHECK(context.sibling("w.bin"));
    fs::rename(folder.write("new", "two"), folder / "w.bin");
    if (again) CHECK_FALSE(context.sibling("w.bin"));
  }).scan(model);
  CHECK_FALSE(outcome.result.deterministic);
  CHECK(outcome.result.coverage.gaps.at(0).what == "a file beside this one changed while it was scanned");
}

TEST_CASE("a scan that misses a sibling is deterministic: it rests on the absence", "[siblings]") {
  const TemporaryFolder folder;
  const fs::path model = folder.write("m.toy", "TOY");
  const auto outcome = ToyEngine([&](ScanContext& context) {
    if (!context.sibling("w.bin")) context.inconclusive(GapKind::truncated, "weights are absent", {});
  }).scan(model);
  CHECK(outcome.result.deterministic);
  CHECK(outcome.trace.companions.size() == 1);
  CHECK_FALSE(outcome.result.complete());
}
