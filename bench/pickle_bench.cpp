// An opcode-heavy pickle against the plain limit: a skimmer that only steps over opcodes and their arguments.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "modelaudit/auditor.hpp"
#include "wire/pickle/opcodes.hpp"

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

/// Where the opcode at `at` ends: all 68 of them, within the bounds, nothing kept.
std::size_t step_over(const std::string& bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  const auto number = [&](unsigned width) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i) value |= static_cast<std::uint64_t>(byte(at + 1 + i)) << (8 * i);
    return static_cast<std::size_t>(value);
  };
  const auto line = [&](std::size_t from) { return std::min(bytes.find('\n', from), bytes.size() - 1) + 1; };
  using wire::pickle::Operand;
  switch (wire::pickle::opcode_info(static_cast<std::uint8_t>(bytes[at])).operand) {
    case Operand::none: return at + 1;
    case Operand::u8: return at + 2;
    case Operand::u16: return at + 3;
    case Operand::i32:
    case Operand::u32: return at + 5;
    case Operand::u64:
    case Operand::f64: return at + 9;
    case Operand::bytes1: return at + 2 + number(1);
    case Operand::bytes4:
    case Operand::bytes_s4: return at + 5 + number(4);
    case Operand::bytes8: return at + 9 + number(8);
    case Operand::line: return line(at + 1);
    case Operand::two_lines: return line(line(at + 1));
    case Operand::invalid: break;
  }
  return bytes.size();
}

void skim_dicts(benchmark::State& state) {
  const std::string bytes = many_dicts(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    std::uint64_t opcodes = 0;
    for (std::size_t i = 0; i < bytes.size(); ++opcodes) i = step_over(bytes, i);
    benchmark::DoNotOptimize(opcodes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * 14);
}
BENCHMARK(skim_dicts)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
