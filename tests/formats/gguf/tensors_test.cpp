#include <catch2/catch.hpp>
#include <string>

#include "formats/gguf/blocks.hpp"
#include "formats/gguf/sample.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::formats::gguf_layout;
using test::describe;
using test::GgufBuilder;
using test::has_rule;
using test::scan;
using test::small_model;

namespace {

std::string data(std::size_t n) { return std::string(n, '\1'); }

ScanResult scan_one(const std::vector<std::uint64_t>& dims, std::uint32_t type, std::uint64_t offset, std::size_t bytes) {
  return scan(small_model().tensor("w", dims, type, offset).build(data(bytes)), "m.gguf");
}

}  // namespace

TEST_CASE("the size of a tensor follows from its blocks", "[gguf]") {
  const auto bytes = [](std::uint32_t type, std::vector<std::uint64_t> dims) { return tensor_bytes(*block_of(type), dims); };
  CHECK(bytes(0, {8, 2}) == 64);
  CHECK(bytes(0, {}) == 4);
  CHECK(bytes(2, {64, 3}) == 108);
  CHECK(bytes(12, {256}) == 144);
  CHECK(bytes(39, {64, 2}) == 68);
  CHECK_FALSE(bytes(12, {255}));
  CHECK_FALSE(bytes(0, {std::uint64_t{1} << 32, std::uint64_t{1} << 31}));
  CHECK_FALSE(bytes(28, {std::uint64_t{1} << 62, 4}));
  CHECK(type_state(4) == TypeState::retired);
  CHECK(type_state(99) == TypeState::unknown);
  CHECK(type_state(0xFFFFFFFF) == TypeState::impossible);
}

TEST_CASE("tensors of every known type are clean", "[gguf]") {
  for (std::uint32_t type = 0; type < 64; ++type) {
    const auto block = block_of(type);
    if (!block) continue;
    const std::size_t padded = (block->bytes * 2 + 31) / 32 * 32;
    std::string payload = data(block->bytes * 2);
    payload.resize(padded, '\0');
    const ScanResult result = scan(small_model().tensor("w", {block->elements * 2}, type, 0).build(payload), "m.gguf");
    INFO(type << block->name << describe(result));
    CHECK(result.verdict() == Verdict::clean);
    CHECK(result.findings.empty());
  }
}

TEST_CASE("dimensions that do not hold are told", "[gguf]") {
  constexpr std::uint64_t k_big = std::uint64_t{1} << 40;
  for (const std::vector<std::uint64_t>& dims : {std::vector<std::uint64_t>{k_big, k_big}, {UINT64_MAX}, {1, 1, 1, 1, 1}, {0}, {8, 0}}) {
    const ScanResult result = scan_one(dims, 0, 0, 0);
    INFO(describe(result));
    CHECK(has_rule(result, "gguf-dims", Severity::warning));
  }
}

TEST_CASE("types are judged by their number", "[gguf]") {
  CHECK(scan_one({8}, 31, 0, 32).verdict() == Verdict::clean);
  CHECK(scan_one({8}, 200, 0, 32).verdict() == Verdict::inconclusive);
  CHECK(has_rule(scan_one({8}, 0xFFFFFFFF, 0, 32), "gguf-type-range", Severity::warning));
}

TEST_CASE("a tensor outside the file is critical unless the file was merely cut off", "[gguf]") {
  for (const std::uint64_t offset : {std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 50, UINT64_MAX - 31}) {
    const ScanResult result = scan_one({8}, 0, offset, 32);
    INFO(offset << describe(result));
    CHECK(has_rule(result, "gguf-range", Severity::critical));
  }
  CHECK(has_rule(scan_one({8}, 0, 8, 64), "gguf-range", Severity::critical));  // not aligned
  const ScanResult cut = scan(small_model().tensor("a", {8}, 0, 0).tensor("b", {8}, 0, 32).tensor("c", {8}, 0, 64).build(data(40)), "m.gguf");
  INFO(describe(cut));
  CHECK(cut.verdict() == Verdict::suspicious);
  CHECK_FALSE(cut.complete());
}

TEST_CASE("overlaps, holes and duplicates are told", "[gguf]") {
  const auto two = [](const char* second, std::uint64_t offset, std::size_t bytes) {
    return scan(small_model().tensor("a", {16}, 0, 0).tensor(second, {16}, 0, offset).build(data(bytes)), "m.gguf");
  };
  CHECK(two("b", 64, 128).verdict() == Verdict::clean);
  CHECK(has_rule(two("b", 32, 96), "gguf-overlap", Severity::warning));
  CHECK(has_rule(two("b", 128, 192), "gguf-gap", Severity::warning));
  CHECK(has_rule(two("a", 64, 128), "gguf-duplicate", Severity::warning));
}

TEST_CASE("what follows the last tensor is examined", "[gguf]") {
  const std::string file = small_model().tensor("a", {8}, 0, 0).build(data(32));
  CHECK(scan(file + std::string(32, '\0'), "m.gguf").findings.empty());
  const ScanResult more = scan(file + "some text", "m.gguf");
  CHECK(has_rule(more, "gguf-trailing"));
  CHECK(more.verdict() == Verdict::clean);
  CHECK(more.complete());
}

TEST_CASE("a file without tensors is a vocabulary", "[gguf]") {
  const ScanResult result = scan(small_model().strings("tokenizer.ggml.tokens", {"a"}).build(), "vocab.gguf");
  CHECK(result.verdict() == Verdict::clean);
  CHECK(result.findings.empty());
}
