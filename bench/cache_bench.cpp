// What the cache costs inside the library: hits of both kinds and a first scan, with the yardsticks of asking the file
// system the same and of scanning the same file without a cache. Small: a pickle of 400 bytes. Large: one of 10 MB in
// small opcodes, read whole, where a first scan and a trace hit have to hash it all.
#include <benchmark/benchmark.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "modelaudit/auditor.hpp"
#include "modelaudit/cache.hpp"

namespace {

using namespace modelaudit;
namespace fs = std::filesystem;

constexpr int k_small = 1;
constexpr int k_large = 25'000;

/// A folder with a pickle of `lists` times 200 numbers and a cache, gone at the end.
class Folder {
 public:
  explicit Folder(std::int64_t lists) {
    std::string name = (fs::temp_directory_path() / "modelaudit-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path = name;
    std::ofstream out(path / "a.pkl", std::ios::binary);
    out << "\x80\x04](";
    for (std::int64_t list = 0; list < lists; ++list) {
      out << "](";
      for (int i = 0; i < 200; ++i) out << 'K' << static_cast<char>(i);
      out << 'e';
    }
    out << "e.";
    out.close();
    // Results of a file that changed a moment ago are not kept.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  Options options(bool cached, CacheVerify verify = CacheVerify::stat) const {
    Options options;
    options.cache.enabled = cached;
    options.cache.verify = verify;
    options.cache.dir = path / "cache";
    options.cache.key_file = path / "cache.key";
    return options;
  }
  fs::path file() const { return path / "a.pkl"; }

  fs::path path;
};

void identity_hit(benchmark::State& state) {
  const Folder folder(state.range(0));
  const Auditor auditor(folder.options(true));
  (void)auditor.scan_file(folder.file());
  for (auto _ : state) {
    const ScanResult result = auditor.scan_file(folder.file());
    if (result.cache != CacheUse::identity_hit) state.SkipWithError("not a hit");
  }
  const CacheStats stats = auditor.cache()->stats();
  state.counters["record_bytes"] = static_cast<double>(stats.bytes) / static_cast<double>(stats.entries);
}
BENCHMARK(identity_hit)->Arg(k_small)->Arg(k_large);

void trace_hit(benchmark::State& state) {
  const Folder folder(state.range(0));
  const Auditor auditor(folder.options(true, CacheVerify::trace));
  (void)auditor.scan_file(folder.file());
  for (auto _ : state) {
    const ScanResult result = auditor.scan_file(folder.file());
    if (result.cache != CacheUse::trace_hit) state.SkipWithError("not a hit");
  }
}
BENCHMARK(trace_hit)->Arg(k_small)->Arg(k_large)->UseRealTime();

void scan_without_cache(benchmark::State& state) {
  const Folder folder(state.range(0));
  const Auditor auditor(folder.options(false));
  for (auto _ : state) benchmark::DoNotOptimize(auditor.scan_file(folder.file()));
}
BENCHMARK(scan_without_cache)->Arg(k_small)->Arg(k_large)->UseRealTime();

/// A scan whose result is stored: the cache is emptied before each.
void scan_and_store(benchmark::State& state) {
  const Folder folder(state.range(0));
  const Auditor auditor(folder.options(true));
  for (auto _ : state) {
    state.PauseTiming();
    (void)auditor.cache()->clear();
    state.ResumeTiming();
    benchmark::DoNotOptimize(auditor.scan_file(folder.file()));
  }
}
BENCHMARK(scan_and_store)->Arg(k_small)->Arg(k_large)->UseRealTime();

void stat_of_the_file(benchmark::State& state) {
  const Folder folder(state.range(0));
  struct stat info{};
  for (auto _ : state) benchmark::DoNotOptimize(stat(folder.file().c_str(), &info));
}
BENCHMARK(stat_of_the_file)->Arg(k_small);

void open_the_cache(benchmark::State& state) {
  const Folder folder(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(Auditor(folder.options(true)));
}
BENCHMARK(open_the_cache)->Arg(k_small);

}  // namespace
