#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "formats/gguf/legacy.hpp"
#include "support/hex.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using test::bytes_of;
using test::describe;
using test::has_rule;
using test::scan;

namespace {

/// Writes the files of ggml's programs.
struct Legacy {
  bool big = false;
  std::string out;

  Legacy& u32(std::uint32_t n) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(n >> (8 * (big ? 3 - i : i))));
    return *this;
  }
  Legacy& text(std::string_view s) {
    u32(static_cast<std::uint32_t>(s.size()));
    out += s;
    return *this;
  }
  Legacy& tensor(std::string_view name, const std::vector<std::uint32_t>& dims, std::uint32_t type, std::size_t bytes, bool aligned) {
    u32(static_cast<std::uint32_t>(dims.size())).u32(static_cast<std::uint32_t>(name.size())).u32(type);
    for (const std::uint32_t dim : dims) u32(dim);
    out += name;
    if (aligned) out.resize((out.size() + 31) / 32 * 32);
    out.append(bytes, '\1');
    return *this;
  }
};

std::string ggjt(std::uint32_t version, bool big = false) {
  Legacy file{.big = big, .out = {}};
  file.u32(0x67676a74).u32(version);
  for (const std::uint32_t hparam : {2u, 32u, 256u, 4u, 1u, 8u, 2u}) file.u32(hparam);
  for (const char* token : {"a", "bc"}) file.text(token).u32(0);
  file.tensor("tok_embeddings.weight", {32, 2}, 2, version < 3 ? 40 : 36, true);
  file.tensor("norm.weight", {32}, 0, 128, true);
  return file.out;
}

std::string whisper() {
  Legacy file;
  file.u32(0x67676d6c);
  for (std::uint32_t i = 0; i < 11; ++i) file.u32(51864 + i);
  file.u32(2).u32(3);
  file.out.append(24, '\2');
  file.u32(3).text("a").text("").text("c");
  return file.tensor("encoder.conv1.bias", {1, 8}, 0, 32, false).tensor("decoder.w", {4, 4}, 1, 32, false).out;
}

std::string gpt_j() {
  Legacy file;
  file.u32(0x67676d6c);
  for (const std::uint32_t hparam : {2u, 8u, 8u, 2u, 1u, 4u, 1u}) file.u32(hparam);
  return file.u32(2).text("x").text("y").tensor("w", {4}, 0, 16, false).out;
}

std::string lora() {
  Legacy file;
  return file.u32(0x67676c61).u32(1).u32(8).u32(16).tensor("layers.0.wq.loraA", {4, 2}, 0, 32, true).out;
}

}  // namespace

TEST_CASE("files of every old program are recognised by content, clean and wholly examined", "[ggml]") {
  for (const std::string& file : {ggjt(1), ggjt(2), ggjt(3), ggjt(3, true), whisper(), gpt_j(), lora()}) {
    const ScanResult result = scan(file, "model.bin");
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::clean);
    CHECK(result.findings.empty());
    CHECK(result.scanners == std::vector<std::string>{"ggml"});
    CHECK(result.coverage.interpreted + result.coverage.declared == file.size());
  }
}

TEST_CASE("old files that are cut off or carry on are told", "[ggml]") {
  const std::string file = ggjt(3);
  CHECK(scan(std::string_view(file).substr(0, file.size() - 1), "m.ggml").verdict() == Verdict::inconclusive);
  const ScanResult more = scan(file + std::string(200, 'x'), "m.ggml");
  INFO(describe(more));
  CHECK(has_rule(more, "gguf-trailing"));
  CHECK_FALSE(more.complete());
}

TEST_CASE("no prefix of an old file is malicious, none is clean but at a tensor's end", "[ggml]") {
  const std::string file = ggjt(3);
  const std::size_t first_end = file.size() - 156;  // the second tensor: header of 27 bytes, one of padding, 128 of data
  for (std::size_t n = 0; n < file.size(); ++n) {
    const ScanResult result = scan(std::string_view(file).substr(0, n), "m.ggml");
    INFO(n << describe(result));
    if (n != first_end) CHECK_FALSE((result.complete() && result.coverage.declared > 0));
    CHECK(result.verdict() != Verdict::malicious);
  }
  test::check_ladder(bytes_of(file), "m.ggml");
  test::check_ladder(bytes_of(whisper()), "m.bin");
}

TEST_CASE("a saved session is recognised and not called clean", "[ggml]") {
  Legacy file;
  CHECK(scan(file.u32(0x6767736e).u32(1).u32(0).out, "state.bin").verdict() == Verdict::inconclusive);
}
