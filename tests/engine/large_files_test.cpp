#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include "cache/identity.hpp"
#include "cache/posix.hpp"
#include "engine/engine.hpp"
#include "formats/gguf/sample.hpp"
#include "formats/safetensors/sample.hpp"
#include "io/file.hpp"
#include "modelaudit/cache.hpp"
#include "support/folder.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20;
constexpr std::uint64_t k_gib = std::uint64_t{1} << 30;
constexpr std::uint64_t k_anonymous = 64 * k_mib;  // design: for any input size

/// Makes a file longer by a hole; false where the file system writes the hole out, or refuses the size.
bool extend(const fs::path& path, std::uint64_t size) {
  struct stat info{};
  return truncate(path.c_str(), static_cast<off_t>(size)) == 0 && stat(path.c_str(), &info) == 0 &&
         static_cast<std::uint64_t>(info.st_blocks) * 512 < 64 * k_mib;
}

/// A safetensors file of `tensors` tensors and about `size` bytes, nearly all of them a hole.
bool write_sparse(const fs::path& path, std::uint64_t size, std::uint64_t tensors, const std::string& prefix) {
  const std::uint64_t each = size / tensors / 4;
  std::string header = "{";
  for (std::uint64_t i = 0; i < tensors; ++i) {
    header += (i == 0 ? "" : ",") + f32(prefix + std::to_string(i), each, 4 * each * i, 4 * each * (i + 1));
  }
  const std::string begin = safetensors_file(header + '}', "");
  std::ofstream(path, std::ios::binary) << begin;
  return extend(path, begin.size() + 4 * each * tensors);
}

/// A line of /proc/self/status, in bytes.
std::uint64_t status_bytes(const std::string& key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key + ":", 0) != 0) continue;
    std::uint64_t kib = 0;
    std::istringstream(line.substr(key.size() + 1)) >> kib;
    return kib * 1024;
  }
  return 0;
}

std::uint64_t anonymous_memory() { return status_bytes("RssAnon"); }
std::uint64_t file_memory() { return status_bytes("RssFile") + status_bytes("RssShmem"); }

/// Ranges that a scan was given, in bytes.
std::uint64_t bytes_read(const fs::path& path) {
  const ScannerRegistry registry = ScannerRegistry::builtin();
  const Options options = plain_options();
  const auto fd = io::open_regular(path);
  REQUIRE(fd);
  const std::string name = path.filename().string();
  const auto outcome = engine::Engine(registry, options).scan_descriptor({.fd = fd->get(), .name = name, .shown = name, .folder = path.parent_path()});
  INFO(describe(outcome.result));
  CHECK(outcome.result.verdict() == Verdict::clean);
  CHECK(outcome.result.complete());
  std::uint64_t sum = 0;
  for (const ByteRange& range : outcome.trace.ranges) sum += range.length;
  return sum;
}

/// Until a result for the file may be kept.
void settle(const fs::path& path) {
  while (cache::is_racy(*cache::identity_at(path), cache::file_clock_ns())) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

const char* const k_no_holes = "this file system does not keep holes: nothing was tested";

}  // namespace

TEST_CASE("a safetensors file of 100 GB costs its structure only, and a hit on the second scan", "[large]") {
  const TemporaryFolder folder;
  const fs::path model = folder / "model.safetensors";
  if (!write_sparse(model, 100 * k_gib, 1000, "t")) {
    WARN(k_no_holes);
    return;
  }
  const std::uint64_t before = anonymous_memory();
  CHECK(bytes_read(model) < 4 * k_mib);
  settle(model);
  Options options;
  options.cache.dir = folder / "cache";
  options.cache.key_file = folder / "key";
  const Auditor auditor(options);
  const ScanResult first = auditor.scan_large_file(model);
  CHECK(first.cache == CacheUse::miss);
  CHECK(first.coverage.size > 99 * k_gib);
  CHECK(first.coverage.declared > 99 * k_gib);
  const ScanResult second = auditor.scan_large_file(model);
  CHECK(second.cache == CacheUse::identity_hit);
  CHECK(second == first);
  CHECK(anonymous_memory() < before + k_anonymous);
}

TEST_CASE("a GGUF file of 100 GB costs its structure only", "[large]") {
  const TemporaryFolder folder;
  constexpr std::uint64_t k_elements = std::uint64_t{25} << 30;
  const std::string begin = GgufBuilder().string("general.architecture", "llama").tensor("t", {k_elements}, 0, 0).build();
  const fs::path model = folder.write("model.gguf", begin);
  if (!extend(model, begin.size() + 4 * k_elements)) {
    WARN(k_no_holes);
    return;
  }
  const std::uint64_t before = anonymous_memory();
  CHECK(bytes_read(model) < 4 * k_mib);
  CHECK(anonymous_memory() < before + k_anonymous);
}

TEST_CASE("a model of 100 GB in twenty shards is judged as one, each shard cached on its own", "[large]") {
  const TemporaryFolder folder;
  std::string map;
  for (int i = 1; i <= 20; ++i) {
    const std::string name = "model-000" + std::string(i < 10 ? "0" : "") + std::to_string(i) + "-of-00020.safetensors";
    const std::string prefix = "l" + std::to_string(i) + ".";
    if (!write_sparse(folder / name, 5 * k_gib, 100, prefix)) {
      WARN(k_no_holes);
      return;
    }
    for (int t = 0; t < 100; ++t) map += (map.empty() ? "\"" : ",\"") + prefix + std::to_string(t) + "\":\"" + name + '"';
  }
  const fs::path index = folder.write("model.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
  settle(index);
  const std::uint64_t before = anonymous_memory();
  Options options;
  options.cache.dir = folder / "cache";
  options.cache.key_file = folder / "key";
  const Auditor auditor(options);
  for (const CacheUse use : {CacheUse::miss, CacheUse::identity_hit}) {
    const ScanReport report = auditor.scan_advanced_large_file(folder / "model-00007-of-00020.safetensors");
    CHECK(report.verdict() == Verdict::clean);
    REQUIRE(report.families.size() == 1);
    CHECK(report.families[0].scanned == 20);
    CHECK(report.families[0].total_size > 99 * k_gib);
    REQUIRE(report.files.size() == 21);
    for (const ScanResult& file : report.files) CHECK(file.cache == use);
  }
  CHECK(anonymous_memory() < before + k_anonymous);
}

TEST_CASE("a scan that is told to stop ends inside the file", "[large]") {
  const TemporaryFolder folder;
  std::stop_source stop;
  Options options = plain_options();
  options.stop = stop.get_token();
  options.large.progress_bytes = k_mib;
  fs::path model;
  std::uint64_t size = 0;
  SECTION("between the opcodes of a pickle") {
    std::string opcodes = "\x80\x02";
    for (std::uint64_t i = 0; i < 16 * k_mib; ++i) opcodes += "N0";
    model = folder.write("model.pkl", opcodes + "N.");
    size = opcodes.size() + 2;
  }
  SECTION("in the sweep of weights") {
    model = folder / "model.safetensors";
    if (!write_sparse(model, 100 * k_gib, 10, "t")) {
      WARN(k_no_holes);
      return;
    }
    options.deep = true;
    size = 100 * k_gib;
  }
  std::uint64_t furthest = 0;
  std::uint64_t calls = 0;
  const ScanResult result = Auditor(options).scan_large_file(model, [&](const Progress& now) {
    ++calls;
    if (now.files_done == 0) furthest = std::max(furthest, now.bytes_done);
    stop.request_stop();
  });
  INFO(describe(result));
  CHECK(calls >= 2);  // one inside the file, one at its end
  CHECK(furthest >= k_mib);
  CHECK(furthest < std::min(size / 2, k_gib));
  CHECK_FALSE(result.deterministic);
  CHECK(std::any_of(result.coverage.gaps.begin(), result.coverage.gaps.end(), [](const Gap& gap) { return gap.kind == GapKind::cancelled; }));
}

TEST_CASE("thresholds decide what is told and kept in memory, not what is found", "[large]") {
  const TemporaryFolder folder;
  const fs::path model = folder / "model.safetensors";
  if (!write_sparse(model, 96 * k_mib, 4, "t")) {
    WARN(k_no_holes);
    return;
  }
  Options options = plain_options();
  options.deep = true;
  const ScanResult usual = Auditor(options).scan_large_file(model);
  options.large.progress_bytes = k_mib;
  options.large.window_bytes = 4 * k_mib;
  const std::uint64_t before = file_memory();
  std::uint64_t most = 0;
  std::uint64_t calls = 0;
  const ScanResult result = Auditor(options).scan_large_file(model, [&](const Progress&) {
    ++calls;
    most = std::max(most, file_memory());
  });
  CHECK(result == usual);
  CHECK(calls >= 5);
  CHECK(most < before + 48 * k_mib);
  options.large.window_bytes = k_mib - 1;
  CHECK_THROWS_AS(Auditor(options), Error);
}
