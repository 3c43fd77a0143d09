// What the cache costs inside the library: a hit, and the yardsticks of asking the file system the same and of
// scanning the same file without a cache.
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

/// A folder with a small pickle and a cache, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "modelaudit-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path = name;
    std::ofstream out(path / "a.pkl", std::ios::binary);
    out << "\x80\x04]\x94(";
    for (int i = 0; i < 200; ++i) out << 'K' << static_cast<char>(i);
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

  Options options(bool cached) const {
    Options options;
    options.cache.enabled = cached;
    options.cache.dir = path / "cache";
    options.cache.key_file = path / "cache.key";
    return options;
  }
  fs::path file() const { return path / "a.pkl"; }

  fs::path path;
};

void identity_hit(benchmark::State& state) {
  const Folder folder;
  const Auditor auditor(folder.options(true));
  (void)auditor.scan_file(folder.file());
  for (auto _ : state) {
    const ScanResult result = auditor.scan_file(folder.file());
    if (result.cache != CacheUse::identity_hit) state.SkipWithError("not a hit");
  }
  const CacheStats stats = auditor.cache()->stats();
  state.counters["record_bytes"] = static_cast<double>(stats.bytes) / static_cast<double>(stats.entries);
}
BENCHMARK(identity_hit);

void scan_without_cache(benchmark::State& state) {
  const Folder folder;
  const Auditor auditor(folder.options(false));
  for (auto _ : state) benchmark::DoNotOptimize(auditor.scan_file(folder.file()));
}
BENCHMARK(scan_without_cache);

/// A scan whose result is stored: the cache is emptied before each.
void scan_and_store(benchmark::State& state) {
  const Folder folder;
  const Auditor auditor(folder.options(true));
  for (auto _ : state) {
    state.PauseTiming();
    (void)auditor.cache()->clear();
    state.ResumeTiming();
    benchmark::DoNotOptimize(auditor.scan_file(folder.file()));
  }
}
BENCHMARK(scan_and_store);

void stat_of_the_file(benchmark::State& state) {
  const Folder folder;
  struct stat info{};
  for (auto _ : state) benchmark::DoNotOptimize(stat(folder.file().c_str(), &info));
}
BENCHMARK(stat_of_the_file);

void open_the_cache(benchmark::State& state) {
  const Folder folder;
  for (auto _ : state) benchmark::DoNotOptimize(Auditor(folder.options(true)));
}
BENCHMARK(open_the_cache);

}  // namespace
