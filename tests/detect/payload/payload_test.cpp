#include <catch2/catch.hpp>
#include <cstdint>
#include <span>
#include <string>

#include "support/scan.hpp"

// Through safetensors, the simplest carrier of declared weights and of text.

using namespace modelaudit;
using test::describe;
using test::has_rule;
using test::scan;

namespace {

std::string with_header(const std::string& header, const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(header.size() >> (8 * i)));
  return out + header + data;
}

std::string one_tensor(const std::string& data, const std::string& dtype = "I8") {
  const std::string size = std::to_string(data.size());
  return with_header(R"({"t":{"dtype":")" + dtype + R"(","shape":[)" + size + R"(],"data_offsets":[0,)" + size + "]}}", data);
}

// Protocol 0: os.system('id').
const std::string k_pickle = "cos\nsystem\n(S'id'\ntR.";

// xorshift: the same numbers on every machine.
std::string noise(std::uint64_t seed, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    out.push_back(static_cast<char>(seed >> 32));
  }
  return out;
}

ScanResult scan_deep(const std::string& file) {
  Options options = test::plain_options();
  options.deep = true;
  return Auditor(options).scan_bytes(std::as_bytes(std::span(file)), "m.safetensors");
}

// ELF64 for x86-64 with one program header that spans it.
std::string elf(std::size_t size) {
  std::string out = "\x7F" "ELF\x02\x01\x01" + std::string(9, '\0');
  const auto put = [&](std::uint64_t n, int width) {
    for (int i = 0; i < width; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
  };
  put(2, 2); put(62, 2); put(1, 4); put(0x400000, 8); put(64, 8); put(0, 8); put(0, 4);
  put(64, 2); put(56, 2); put(1, 2); put(64, 2); put(0, 2); put(0, 2);
  put(1, 4); put(5, 4); put(0, 8); put(0x400000, 8); put(0x400000, 8); put(size, 8); put(size, 8); put(0x1000, 8);
  out.resize(size, '\x90');
  return out;
}

}  // namespace

TEST_CASE("a pickle that imports is found at the start of a tensor, with or without an end", "[payload]") {
  for (const std::string& data : {k_pickle, k_pickle + std::string(500, '\0'), "\x80\x04\x95\x20" + std::string(7, '\0') +
                                  "\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."}) {
    const ScanResult result = scan(one_tensor(data), "m.safetensors");
    INFO(describe(result));
    CHECK(has_rule(result, "safetensors-embedded", Severity::warning));
    CHECK(result.verdict() == Verdict::malicious);
  }
}

TEST_CASE("weights that begin with opcodes are weights", "[payload]") {
  for (const std::string_view start : {"].", "N.", "K\x05.", "(((((((((", "\x80\x04", "c\n\n.", "i\x01\n\x02\n((((((((((.", "}.", ")R."}) {
    const ScanResult result = scan(one_tensor(std::string(start) + std::string(300, '\x01')), "m.safetensors");
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::clean);
  }
}

TEST_CASE("no noise is taken for a payload", "[payload]") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const ScanResult result = scan(one_tensor(noise(seed * 0x9E3779B97F4A7C15u, 4096)), "m.safetensors");
    INFO(seed << describe(result));
    CHECK(result.verdict() == Verdict::clean);
  }
}

TEST_CASE("a program inside the weights is found when they are swept", "[payload]") {
  const std::string file = one_tensor(noise(7, 5000) + elf(4096) + noise(8, 5000), "U8");
  CHECK(scan(file, "m.safetensors").verdict() == Verdict::clean);
  const ScanResult deep = scan_deep(file);
  INFO(describe(deep));
  CHECK(deep.worst().value_or(Severity::debug) >= Severity::warning);
  CHECK(deep.coverage.declared == 0);
  const ScanResult quiet = scan_deep(one_tensor(noise(9, 200'000), "U8"));
  INFO(describe(quiet));
  CHECK(quiet.verdict() == Verdict::clean);
}

TEST_CASE("a pickle in base64 in metadata is a warning, a thumbnail nothing", "[payload]") {
  // base64 of the pickle above
  const std::string hidden = R"({"__metadata__":{"x":"Y29zCnN5c3RlbQooUydpZCcKdFIu"}})";
  const ScanResult result = scan(with_header(hidden, ""), "m.safetensors");
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::suspicious);
  std::string thumbnail = R"({"__metadata__":{"modelspec.thumbnail":"data:image/jpeg;base64,)";
  for (int i = 0; i < 2000; ++i) thumbnail += "/9j4";
  CHECK(scan(with_header(thumbnail + "\"}}", ""), "m.safetensors").verdict() == Verdict::clean);
}
