// What a scan of a small model costs inside the library, beside the yardstick of reading the same bytes.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "modelaudit/auditor.hpp"

namespace {

using namespace modelaudit;

const Auditor& auditor() {
  static const Auditor instance([] {
    Options options;
    options.cache.enabled = false;
    return options;
  }());
  return instance;
}

std::string small_pickle() {
  std::string bytes = "\x80\x04]\x94(";
  for (int i = 0; i < 200; ++i) bytes += std::string("K") + static_cast<char>(i);
  return bytes + "e.";
}

std::string small_safetensors(int tensors) {
  std::string header = "{";
  for (int i = 0; i < tensors; ++i) {
    header += (i > 0 ? ",\"t" : "\"t") + std::to_string(i) + "\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[" +
              std::to_string(i * 16) + "," + std::to_string(i * 16 + 16) + "]}";
  }
  header += "}";
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(static_cast<std::size_t>(tensors) * 16, '\0');
}

void scan_again_and_again(benchmark::State& state, const std::string& bytes, const char* name) {
  for (auto _ : state) {
    const ScanResult result = auditor().scan_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), name);
    if (result.verdict() != Verdict::clean) state.SkipWithError("the input is not judged clean");
    benchmark::DoNotOptimize(result.findings.size());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void scan_small_pickle(benchmark::State& state) { scan_again_and_again(state, small_pickle(), "small.pkl"); }
BENCHMARK(scan_small_pickle);

void scan_safetensors(benchmark::State& state) {
  scan_again_and_again(state, small_safetensors(static_cast<int>(state.range(0))), "model.safetensors");
}
BENCHMARK(scan_safetensors)->Arg(4)->Arg(90'000);

// The yardstick: looking at each byte of the same input once.
void read_safetensors(benchmark::State& state) {
  const std::string bytes = small_safetensors(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const char c : bytes) sum += static_cast<unsigned char>(c);
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(read_safetensors)->Arg(90'000);

void make_auditor(benchmark::State& state) {
  for (auto _ : state) {
    Options options;
    options.cache.enabled = false;
    const Auditor instance(options);
    benchmark::DoNotOptimize(instance.registry().all().size());
  }
}
BENCHMARK(make_auditor);

}  // namespace
