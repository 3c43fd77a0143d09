// An opcode-heavy pickle against the plain limit: a skimmer that only steps over opcodes and their arguments.
#include <benchmark/benchmark.h>

#include <string>

#include "modelaudit/auditor.hpp"

namespace {

using namespace modelaudit;

std::string short_text(const std::string& text) { return "\x8c" + std::string(1, static_cast<char>(text.size())) + text; }

// A list of small dicts, each with three memoised keys and values: 14 opcodes and 7 memo entries a dict.
std::string many_dicts(int count) {
  std::string bytes = "\x80\x04]\x94(";
  for (int i = 0; i < count; ++i) {
    bytes += "}\x94(";
    bytes += short_text("id") + "\x94" + short_text(std::to_string(1'000'000 + i)) + "\x94";
    bytes += short_text("name") + "\x94" + short_text("n" + std::to_string(i)) + "\x94";
    bytes += short_text("tag") + "\x94" + short_text("t" + std::to_string(i % 7)) + "\x94u";
  }
  return bytes + "e.";
}

void scan_dicts(benchmark::State& state) {
  const std::string bytes = many_dicts(static_cast<int>(state.range(0)));
  Options options;
  options.cache.enabled = false;
  const Auditor auditor(options);
  for (auto _ : state) {
    const ScanResult result = auditor.scan_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), "dicts.pkl");
    if (result.verdict() != Verdict::clean) state.SkipWithError("the input is not judged clean");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * 14);
}
BENCHMARK(scan_dicts)->Arg(100'000)->Unit(benchmark::kMillisecond);

void skim_dicts(benchmark::State& state) {
  const std::string bytes = many_dicts(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    std::uint64_t opcodes = 0;
    for (std::size_t i = 0; i < bytes.size(); ++opcodes) {
      const auto opcode = static_cast<unsigned char>(bytes[i++]);
      if (opcode == 0x8c) i += 1 + static_cast<unsigned char>(bytes[i]);
      if (opcode == 0x80) ++i;
    }
    benchmark::DoNotOptimize(opcodes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * 14);
}
BENCHMARK(skim_dicts)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
