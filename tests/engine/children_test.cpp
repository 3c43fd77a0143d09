#include <algorithm>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "engine/toy_scanner.hpp"
#include "modelaudit/auditor.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

Auditor auditor_with(std::vector<std::shared_ptr<const Scanner>> scanners, Options options = plain_options()) {
  ScannerRegistry registry;
  for (auto& scanner : scanners) registry.add(std::move(scanner));
  return Auditor(std::move(options), std::move(registry));
}

ScanResult scan_with(const Auditor& auditor, std::string_view bytes, std::string_view name = "toy.bin") {
  return auditor.scan_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), name);
}

std::shared_ptr<ToyScanner> toy(std::string id, ToyScanner::MatchFunction match, ToyScanner::ScanFunction scan) {
  return std::make_shared<ToyScanner>(std::move(id), std::move(match), std::move(scan));
}

void cover_all(ScanContext& context) { context.cover(0, context.size()); }

/// Yields `size` bytes of 'z', then fails when told to.
class EndlessSource final : public ByteSource {
 public:
  EndlessSource(std::uint64_t size, bool fails) : left_(size), fails_(fails) {}
  std::size_t read(std::span<std::byte> into) override {
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    if (n == 0 && fails_) throw_malformed(Errc::truncated, 5, "toy: stream cut");
    std::fill_n(into.begin(), n, std::byte{'z'});
    left_ -= n;
    return n;
  }

 private:
  std::uint64_t left_;
  bool fails_;
};

Child stream_child(std::uint64_t size, bool fails = false) {
  return {"inner", Child::Decoder([=] { return std::make_unique<EndlessSource>(size, fails); })};
}

}  // namespace

TEST_CASE("an unrecognised file is inconclusive, an empty one too", "[engine]") {
  const Auditor auditor = auditor_with({});
  const ScanResult unknown = scan_with(auditor, "who knows");
  CHECK(unknown.verdict() == Verdict::inconclusive);
  CHECK(unknown.coverage.gaps.at(0).kind == GapKind::unrecognised);
  CHECK(scan_with(auditor, "").coverage.gaps.at(0).kind == GapKind::empty);
}

TEST_CASE("bytes that no scanner interpreted are a gap", "[engine]") {
  const Auditor auditor = auditor_with({toy("toy", starts_with("T"), [](ScanContext& context) {
    context.cover(0, 2);
    context.cover_declared(6, 2);
  })});
  const ScanResult result = scan_with(auditor, "T123456789");
  REQUIRE(result.coverage.gaps.size() == 2);
  CHECK(result.coverage.gaps[0].kind == GapKind::unexamined);
  CHECK(result.coverage.gaps[0].where.offset == 2U);
  CHECK(result.coverage.gaps[0].where.length == 4U);
  CHECK(result.coverage.gaps[1].where.offset == 8U);
  CHECK(result.coverage.interpreted == 2);
  CHECK(result.coverage.declared == 2);
}

TEST_CASE("findings made before a break are kept beside the gap", "[engine]") {
  const Auditor auditor = auditor_with({toy("toy", starts_with("T"), [](ScanContext& context) {
    context.report(Finding(k_toy_rule, "seen", ScanContext::at(1)));
    context.bytes(4, 100);
  })});
  const ScanResult result = scan_with(auditor, "T1234");
  CHECK(result.verdict() == Verdict::malicious);
  REQUIRE(result.coverage.gaps.size() == 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::truncated);
  CHECK(result.deterministic);
}

TEST_CASE("every scanner with a strong match scans", "[engine]") {
  const auto report = [](ScanContext& context) {
    context.report(Finding(k_toy_rule, "seen"));
    cover_all(context);
  };
  const Auditor auditor = auditor_with({toy("a", starts_with("T"), report), toy("b", starts_with("TT"), report)});
  CHECK(scan_with(auditor, "TT").findings.size() == 2);
  CHECK(scan_with(auditor, "TX").findings.size() == 1);
}

TEST_CASE("a weak match is tried when nothing strong can read the input, and its failure does not count", "[engine]") {
  const auto fail = [](ScanContext& context) { context.bytes(0, 1000); };
  const auto weak_fail = toy("weak", starts_with("T", Match::weak), fail);
  SECTION("beside a strong one that reads all") {
    const Auditor auditor = auditor_with({weak_fail, toy("strong", starts_with("T"), cover_all)});
    CHECK(scan_with(auditor, "T1").verdict() == Verdict::clean);
  }
  SECTION("beside another weak one that reads all") {
    const Auditor auditor = auditor_with({weak_fail, toy("other", starts_with("T", Match::weak), cover_all)});
    const ScanResult result = scan_with(auditor, "T1");
    CHECK(result.verdict() == Verdict::clean);
  }
  SECTION("alone") {
    const Auditor auditor = auditor_with({weak_fail});
    CHECK(scan_with(auditor, "T1").verdict() == Verdict::inconclusive);
  }
  SECTION("after a strong one that failed") {
    const auto weak_finds = toy("weak", starts_with("T", Match::weak), [](ScanContext& context) {
      context.report(Finding(k_toy_rule, "seen"));
      cover_all(context);
    });
    const Auditor auditor = auditor_with({weak_finds, toy("strong", starts_with("T"), fail)});
    const ScanResult result = scan_with(auditor, "T1");
    CHECK(result.verdict() == Verdict::malicious);
    CHECK_FALSE(result.complete());
  }
}

TEST_CASE("a child's range covers its parent, and its findings carry the way to it", "[engine]") {
  const auto outer = toy("outer", starts_with("OUT"), [](ScanContext& context) {
    context.cover(0, 3);
    const ChildOutcome inside = context.scan_child({"inner", ByteRange{3, context.size() - 3}, "", Severity::warning});
    CHECK(inside.recognised);
    CHECK(inside.worst == Severity::warning);
  });
  const auto inner = toy("inner", starts_with("IN"), [](ScanContext& context) {
    context.report(Finding(k_toy_rule, "seen", ScanContext::at(1)));
    CHECK(context.bytes(0, 2).text() == "IN");
    CHECK(context.bytes(0, 2).offset() == 0);
    context.cover(0, 2);
    context.cover_declared(2, context.size() - 2);
  });
  const ScanResult result = scan_with(auditor_with({outer, inner}), "OUTINabc");
  CHECK(result.complete());
  REQUIRE(result.findings.size() == 1);
  CHECK(result.findings[0].severity == Severity::warning);
  CHECK(result.findings[0].where.members == std::vector<std::string>{"inner"});
  CHECK(result.findings[0].where.path == "toy.bin");
  CHECK(result.coverage.declared == 3);
  CHECK(result.assets.size() == 2);
}

TEST_CASE("a range beyond the parent is a gap, whatever its numbers", "[engine]") {
  for (const std::uint64_t big : {std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    const Auditor auditor = auditor_with({toy("outer", starts_with("T"), [big](ScanContext& context) {
      cover_all(context);
      CHECK_FALSE(context.scan_child({"a", ByteRange{1, big}}).complete);
      CHECK_FALSE(context.scan_child({"b", ByteRange{big, 1}}).complete);
      CHECK_FALSE(context.scan_child({"c", ByteRange{big, big}}).complete);
    })});
    const ScanResult result = scan_with(auditor, "T123");
    CHECK(result.coverage.gaps.size() == 3);
    CHECK(result.verdict() == Verdict::inconclusive);
  }
}

TEST_CASE("children within children end at the depth limit", "[engine]") {
  Options options = plain_options();
  options.limits.depth = 10;
  const Auditor auditor = auditor_with({toy("nest", starts_with("T"), [](ScanContext& context) {
    cover_all(context);
    context.scan_child({"n", ByteRange{0, context.size()}});
  })}, options);
  const ScanResult result = scan_with(auditor, "T1");
  REQUIRE(result.coverage.gaps.size() == 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::limit);
  CHECK(result.coverage.gaps[0].where.members.size() == 11);
}

TEST_CASE("a decoded child is buffered when it fits and streamed when it does not", "[engine]") {
  Options options = plain_options();
  options.limits.buffered_bytes = 300'000;
  for (const std::uint64_t size : {std::uint64_t{1000}, std::uint64_t{300'000}, std::uint64_t{5'000'000}}) {
    bool was_stream = false;
    std::uint64_t read = 0;
    const auto outer = toy("outer", starts_with("T"), [size](ScanContext& context) {
      cover_all(context);
      CHECK(context.scan_child(stream_child(size)).complete);
    });
    const auto inner = toy("inner", starts_with("zz"), [&](ScanContext& context) {
      was_stream = context.probe().is_stream();
      const auto reader = context.stream();
      while (!reader->at_end()) read += reader->advance(reader->window(1).size());
      context.cover(0, read);
    });
    const ScanResult result = scan_with(auditor_with({outer, inner}, options), "T");
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::clean);
    CHECK(was_stream == (size > options.limits.buffered_bytes));
    CHECK(read == size);
  }
}

TEST_CASE("a scanner that needs random access meets a gap on a stream", "[engine]") {
  Options options = plain_options();
  options.limits.buffered_bytes = 100'000;
  const auto outer = toy("outer", starts_with("T"), [](ScanContext& context) {
    cover_all(context);
    context.scan_child(stream_child(1'000'000));
  });
  const auto inner = toy("inner", starts_with("zz"), [](ScanContext& context) { context.bytes(0, 10); });
  const ScanResult result = scan_with(auditor_with({outer, inner}, options), "T");
  REQUIRE(result.coverage.gaps.size() == 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::unsupported);
}

TEST_CASE("a decoder that breaks leaves its prefix to the scanners and a gap", "[engine]") {
  Options options = plain_options();
  options.limits.buffered_bytes = 100'000;
  for (const std::uint64_t size : {std::uint64_t{50}, std::uint64_t{1'000'000}}) {
    std::uint64_t read = 0;
    const auto outer = toy("outer", starts_with("T"), [size](ScanContext& context) {
      cover_all(context);
      context.scan_child(stream_child(size, true));
    });
    const auto inner = toy("inner", starts_with("zz"), [&](ScanContext& context) {
      const auto reader = context.stream();
      while (!reader->at_end()) read += reader->advance(reader->window(1).size());
      context.cover(0, read);
    });
    const ScanResult result = scan_with(auditor_with({outer, inner}, options), "T");
    CHECK(read == size);
    REQUIRE(result.coverage.gaps.size() == 1);
    CHECK(result.coverage.gaps[0].kind == GapKind::truncated);
    CHECK(result.coverage.gaps[0].where.members == std::vector<std::string>{"inner"});
  }
}

TEST_CASE("a decoder without end stops at the limit of one member", "[engine]") {
  Options options = plain_options();
  options.limits.buffered_bytes = 100'000;
  options.limits.child_bytes = 1'000'000;
  const auto outer = toy("outer", starts_with("T"), [](ScanContext& context) {
    cover_all(context);
    context.scan_child(stream_child(~std::uint64_t{0}));
  });
  const auto inner = toy("inner", starts_with("zz"), [](ScanContext& context) {
    const auto reader = context.stream();
    std::uint64_t read = 0;
    while (!reader->at_end()) read += reader->advance(reader->window(1).size());
    context.cover(0, read);
  });
  const ScanResult result = scan_with(auditor_with({outer, inner}, options), "T");
  REQUIRE(result.coverage.gaps.size() == 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::limit);
}

TEST_CASE("findings of one rule are capped, and the rest counted", "[engine]") {
  const Auditor auditor = auditor_with({toy("toy", starts_with("T"), [](ScanContext& context) {
    cover_all(context);
    for (int i = 0; i < 1000; ++i) context.report(Finding(k_toy_rule, "seen"));
  })});
  const ScanResult result = scan_with(auditor, "T");
  CHECK(result.findings.size() == 200);
  CHECK(result.metadata.at(0) == std::pair<std::string, std::string>{"findings_omitted.toy-seen", "800"});
}

TEST_CASE("an interrupted scan keeps what it found and is not for the cache", "[engine]") {
  std::stop_source stop;
  Options options = plain_options();
  options.stop = stop.get_token();
  const Auditor auditor = auditor_with({toy("toy", starts_with("T"), [&](ScanContext& context) {
    context.report(Finding(k_toy_rule, "seen"));
    stop.request_stop();
    CHECK_FALSE(context.scan_child({"n", ByteRange{0, 1}}).complete);
    context.budget().checkpoint();
    FAIL_CHECK("went on after the interruption");
  })}, options);
  const ScanResult result = scan_with(auditor, "T");
  CHECK(result.findings.size() == 1);
  CHECK_FALSE(result.deterministic);
  CHECK(result.coverage.gaps.at(0).kind == GapKind::cancelled);
}

TEST_CASE("an exception of a scanner becomes a gap", "[engine]") {
  const Auditor auditor = auditor_with({toy("toy", starts_with("T"), [](ScanContext& context) {
    context.report(Finding(k_toy_rule, "seen"));
    throw std::runtime_error("oops");
  })});
  const ScanResult result = scan_with(auditor, "T");
  CHECK(result.findings.size() == 1);
  CHECK_FALSE(result.complete());
}
