#include "cache/support.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "cache/identity.hpp"
#include "cache/posix.hpp"
#include "io/beside.hpp"
#include "io/file.hpp"
#include "io/range_digest.hpp"
#include "support/hex.hpp"

namespace modelaudit::test {
namespace {

namespace fs = std::filesystem;
constexpr unsigned k_nobody = 65534;

Finding rich_finding(const std::string& path) {
  Finding finding;
  finding.rule = "test-rule";
  finding.severity = Severity::critical;
  finding.message = std::string("a message with \xff raw \0 bytes", 28);
  finding.where = {path, {"outer.zip", std::string("inner\0x", 7)}, 7, 8, 9};
  finding.details = {{"key", "value"}, {"key", ""}};
  finding.uncleared = {"module.name"};
  finding.severity_if_allowed = Severity::info;
  finding.suppressed_by = "policy";
  return finding;
}

}  // namespace

ScanResult rich_result(const std::string& path) {
  ScanResult result;
  result.path = path;
  result.findings = {rich_finding(path), rich_finding("elsewhere/" + path), {}};
  result.coverage.size = ~std::uint64_t{0};
  result.coverage.interpreted = std::uint64_t{1} << 40;
  result.coverage.declared = 3;
  for (int kind = 1; kind <= 12; ++kind) {
    result.coverage.gaps.push_back({static_cast<GapKind>(kind), "gap " + std::to_string(kind), {path, {}, 5, {}, {}}});
  }
  result.assets = {{{}, "zip", 100}, {{"member"}, "pickle", 50}};
  result.assets_omitted = 4;
  result.scanners = {"pickle", "zip"};
  result.metadata = {{"zip.members", "1"}};
  result.deterministic = false;
  result.duration_us = 12345;
  result.cache = CacheUse::trace_hit;
  return result;
}

Trace rich_trace() {
  Trace trace;
  trace.identity = {"/a/b", 1, 2, 3, -4, 5, 6};
  trace.ranges = {{0, 10}, {20, ~std::uint64_t{0}}};
  trace.digest = digest_of(7);
  trace.questions = {{".bin", true}, {".pkl", false}};
  // Field by field: GCC 12 at -O3 takes the temporaries of a list for uninitialised.
  trace.companions.resize(2);
  Companion& there = trace.companions[0];
  there.relative_path = "config.json";
  there.existed = true;
  there.identity = {"", 1, 2, 3, 4, 5, 1};
  there.ranges = {{0, 3}};
  there.digest = digest_of(9);
  trace.companions[1].relative_path = "missing";
  trace.listings = {{".", "*.safetensors", {"a.safetensors"}}};
  return trace;
}

bool same_in_all(const ScanResult& a, const ScanResult& b) {
  return a.path == b.path && a.findings == b.findings && a.coverage == b.coverage && a.assets == b.assets &&
         a.assets_omitted == b.assets_omitted && a.scanners == b.scanners && a.metadata == b.metadata &&
         a.deterministic == b.deterministic && a.duration_us == b.duration_us && a.cache == b.cache;
}

Digest digest_of(std::uint8_t byte) {
  Digest digest;
  digest.fill(byte);
  return digest;
}

CacheSecret secret_of(std::uint8_t byte) { return CacheSecret{digest_of(byte)}; }

void settle(const fs::path& path) {
  const auto identity = cache::identity_at(cache::absolute_path(path));
  REQUIRE(identity);
  while (cache::is_racy(*identity, cache::file_clock_ns())) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

SmartCacheKeyGenerator plain_keys() { return SmartCacheKeyGenerator(Options{}, ScannerRegistry{}); }

TracedResult scan_content(const fs::path& path, TraceNeed need) {
  TracedResult entry;
  entry.result.path = path.string();
  Finding finding;
  finding.rule = "test-content";
  for (const std::byte b : read_file(path)) finding.message += static_cast<char>(b);
  finding.where.path = entry.result.path;
  entry.result.findings.push_back(finding);
  entry.result.duration_us = 1000;
  const auto identity = cache::identity_at(cache::absolute_path(path));
  if (identity) entry.trace.identity = *identity;
  entry.trace.identity.path.clear();  // as the engine leaves it
  if (need == TraceNeed::none) return entry;
  const auto fd = io::open_regular(path);
  entry.trace.ranges = {{0, identity->size}};
  entry.trace.digest = *io::digest_of_ranges(fd->get(), entry.trace.ranges);
  return entry;
}

Companion companion_of(const fs::path& folder, const std::string& name, std::vector<ByteRange> ranges) {
  Companion companion;
  companion.relative_path = name;
  const auto fd = io::open_regular(folder / name);
  if (!fd) return companion;
  companion.existed = true;
  companion.identity = *io::identity_of(fd->get());
  companion.digest = *io::digest_of_ranges(fd->get(), ranges);
  companion.ranges = std::move(ranges);
  return companion;
}

Listing listing_of(const fs::path& folder, const std::string& pattern) {
  return {"", pattern, *io::names_beside(*io::open_folder(folder), "", pattern, 1000)};
}

CacheOptions Workshop::options() const {
  CacheOptions options;
  options.dir = cache();
  options.key_file = folder / "state/cache.key";
  return options;
}

fs::path Workshop::file(const std::string& name, const std::string& content) const {
  const fs::path path = folder.write(name, content);
  settle(path);
  return path;
}

std::vector<fs::path> Workshop::records() const {
  std::vector<fs::path> found;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(cache() / "entries-1", none)) {
    if (entry.is_regular_file()) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

ScanResult cached(CacheManager& cache, const fs::path& path) {
  return cache.cached_scan(plain_keys(), path, path.string(), [&](TraceNeed) { return scan_content(path); });
}

std::string content_of(const ScanResult& result) { return result.findings.at(0).message; }

void give_to_child(const fs::path& path) {
  if (geteuid() != 0) return;
  REQUIRE(lchown(path.c_str(), k_nobody, k_nobody) == 0);
  if (!fs::is_directory(path)) return;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    REQUIRE(lchown(entry.path().c_str(), k_nobody, k_nobody) == 0);
  }
}

int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (geteuid() == 0 && (setgid(k_nobody) != 0 || setuid(k_nobody) != 0)) _exit(99);
    int status = 98;
    try {
      status = body();
    } catch (const std::exception&) {
      status = 97;
    }
    _exit(status);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace modelaudit::test
