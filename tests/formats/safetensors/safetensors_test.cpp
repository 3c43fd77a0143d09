#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "formats/safetensors/sample.hpp"
#include "support/cases.hpp"
#include "support/hex.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using test::bytes_of;
using test::describe;
using test::f32;
using test::has_rule;
using test::le64;
using test::safetensors_file;
using test::scan;

namespace {

const std::string k_data16(16, '\0');

std::string one_tensor() { return safetensors_file('{' + f32("a", 4, 0, 16) + '}', k_data16); }

// The start of an ELF program for x86-64 with one program header, padded to `size` bytes.
std::string elf(std::size_t size) {
  std::string out = "\x7F" "ELF\x02\x01\x01" + std::string(9, '\0');
  const auto put = [&](std::uint64_t n, int width) {
    for (int i = 0; i < width; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
  };
  put(2, 2); put(62, 2); put(1, 4); put(0x400000, 8); put(64, 8); put(0, 8); put(0, 4); put(64, 2); put(56, 2); put(1, 2); put(64, 2); put(0, 2); put(0, 2);
  put(1, 4); put(5, 4); put(0, 8); put(0x400000, 8); put(0x400000, 8); put(size, 8); put(size, 8); put(0x1000, 8);
  out.resize(size, '\x90');
  return out;
}

}  // namespace

TEST_CASE("the golden cases of safetensors hold", "[safetensors]") { test::run_cases(MODELAUDIT_TEST_DIR "/cases"); }

TEST_CASE("what the reference writer writes is clean and wholly examined", "[safetensors]") {
  for (const std::string& file :
       {one_tensor(), safetensors_file('{' + f32("a", 4, 0, 16) + "}     ", k_data16), safetensors_file("{}", ""),
        safetensors_file(R"({"__metadata__":{"format":"pt"},)" + f32("b", 2, 8, 16) + ',' + f32("a", 2, 0, 8) + '}', k_data16)}) {
    const ScanResult result = scan(file, "model.safetensors");
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::clean);
    CHECK(result.findings.empty());
    CHECK(result.coverage.interpreted + result.coverage.declared == file.size());
  }
}

TEST_CASE("the content decides, whatever the name", "[safetensors]") {
  const std::string hole = safetensors_file('{' + f32("a", 4, 16, 32) + '}', k_data16 + k_data16);
  for (const char* name : {"model.safetensors", "model.bin", "model", "x.txt"}) {
    INFO(name);
    CHECK(has_rule(scan(hole, name), "safetensors-gap", Severity::warning));
  }
}

TEST_CASE("training metadata with frightening words is clean", "[safetensors]") {
  const std::string header =
      R"({"__metadata__":{"ss_tag_frequency":"{\"1_cat\": {\"eval (test)\": 3, \"exec\": 1, \"<lora:x:0.8>\": 2}}",)"
      R"("ss_output_name":"C:\\models\\import os","modelspec.license":"https://example.org/eval",)"
      R"("modelspec.thumbnail":"data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ","sshs_model_hash":"e3b0c44298fc1c149afbf4c8996fb924"},)" +
      f32("a", 4, 0, 16) + '}';
  const ScanResult result = scan(safetensors_file(header, k_data16), "lora.safetensors");
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
}

TEST_CASE("code in metadata is found behind escapes too", "[safetensors]") {
  const std::string plain = R"j({"__metadata__":{"init":"__import__('os').system('id')"}})j";
  const std::string escaped = R"j({"__metadata__":{"init":"\u005f_import\u005f_('os').syst\u0065m('id')"}})j";
  for (const std::string& header : {plain, escaped}) {
    CHECK(has_rule(scan(safetensors_file(header, ""), "m.safetensors"), "safetensors-metadata-code", Severity::critical));
  }
}

TEST_CASE("a program in a tensor is found whatever the type", "[safetensors]") {
  const std::string program = elf(256);
  for (const char* dtype : {"U8", "I8", "BOOL", "F8_E4M3"}) {
    const std::string header = R"({"t":{"dtype":")" + std::string(dtype) + R"(","shape":[256],"data_offsets":[0,256]}})";
    const ScanResult result = scan(safetensors_file(header, program), "m.safetensors");
    INFO(dtype << describe(result));
    CHECK(has_rule(result, "safetensors-embedded", Severity::critical));
  }
  const ScanResult floats = scan(safetensors_file('{' + f32("t", 64, 0, 256) + '}', program), "m.safetensors");
  CHECK(has_rule(floats, "safetensors-embedded", Severity::critical));
}

TEST_CASE("weights that begin like a magic are weights", "[safetensors]") {
  for (const std::string_view start : {"MZ\x90\x00\x03", "PK\x03\x04\xff\xff\xff\xff", "\x7F" "ELF\xff\xff", "BZh9xx", "#! 1234"}) {
    std::string data(start);
    data.resize(256, '\x55');
    const std::string header = R"({"t":{"dtype":"I8","shape":[256],"data_offsets":[0,256]}})";
    const ScanResult result = scan(safetensors_file(header, data), "m.safetensors");
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::clean);
  }
}

TEST_CASE("hidden bytes are examined wherever they lie", "[safetensors]") {
  const std::string program = elf(256);
  const auto expect = [](const std::string& file, const char* rule) {
    const ScanResult result = scan(file, "m.safetensors");
    INFO(describe(result));
    CHECK(has_rule(result, rule, Severity::critical));
  };
  expect(one_tensor() + program, "safetensors-trailing");
  expect(safetensors_file('{' + f32("a", 4, 0, 16) + ',' + f32("b", 4, 272, 288) + '}', k_data16 + program + k_data16), "safetensors-gap");
  expect(safetensors_file('{' + f32("a", 4, 0, 16) + '}' + program, k_data16), "safetensors-header-tail");
}

TEST_CASE("lengths that do not fit are named, not followed", "[safetensors]") {
  const std::string body = '{' + f32("a", 4, 0, 16) + '}' + k_data16;
  for (const std::uint64_t length : {std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63, UINT64_MAX,
                                     static_cast<std::uint64_t>(body.size() + 1)}) {
    const ScanResult result = scan(le64(length) + body, "m.safetensors");
    INFO(length << describe(result));
    CHECK(has_rule(result, "safetensors-length", Severity::warning));
    CHECK_FALSE(result.complete());
  }
  CHECK(has_rule(scan(le64(1) + body, "m.safetensors"), "safetensors-length", Severity::warning));
}

TEST_CASE("a header that is cut off is read as far as it goes", "[safetensors]") {
  const std::string file = safetensors_file(R"j({"__metadata__":{"x":"__import__('os').system('id')"},)j" + f32("a", 4, 0, 16) + '}', k_data16);
  const ScanResult result = scan(file.substr(0, file.size() - 30), "m.safetensors");
  INFO(describe(result));
  CHECK(has_rule(result, "safetensors-metadata-code", Severity::critical));
  CHECK_FALSE(result.complete());
}

TEST_CASE("no prefix of a file is clean", "[safetensors]") {
  const std::string file = one_tensor();
  for (std::size_t n = 0; n < file.size(); ++n) {
    const ScanResult result = scan(std::string_view(file).substr(0, n), "m.safetensors");
    INFO(n << describe(result));
    CHECK_FALSE(result.complete());
    CHECK(result.verdict() != Verdict::malicious);
  }
  test::check_ladder(bytes_of(file), "m.safetensors");
}

TEST_CASE("nesting is followed to the limit and told from the first level that is illegal", "[safetensors]") {
  const auto nested = [](std::size_t n) {
    return safetensors_file("{\"a\":" + std::string(n, '[') + std::string(n, ']') + '}', "");
  };
  CHECK_FALSE(has_rule(scan(nested(3), "m.safetensors"), "safetensors-deep"));
  CHECK(has_rule(scan(nested(4), "m.safetensors"), "safetensors-deep", Severity::warning));
  CHECK(scan(nested(127), "m.safetensors").complete());
  CHECK_FALSE(scan(nested(128), "m.safetensors").complete());
  CHECK_FALSE(scan(nested(100'000), "m.safetensors").complete());
}

TEST_CASE("ninety thousand tensors are clean and read by header alone", "[safetensors]") {
  std::string header = "{";
  constexpr std::uint64_t k_tensors = 90'000;
  constexpr std::uint64_t k_bytes = 16'384;
  for (std::uint64_t i = 0; i < k_tensors; ++i) {
    if (i > 0) header += ',';
    header += f32("model.layers." + std::to_string(i / 384) + ".mlp.experts." + std::to_string(i % 384) + ".down_proj.weight", k_bytes / 4,
                  i * k_bytes, (i + 1) * k_bytes);
  }
  header += '}';
  // A sparse file: 1.5 GB that occupy the header's pages only.
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "modelaudit-90k.safetensors";
  std::ofstream(path, std::ios::binary) << le64(header.size()) << header;
  std::filesystem::resize_file(path, 8 + header.size() + k_tensors * k_bytes);
  const ScanResult result = Auditor(test::plain_options()).scan_file(path);
  std::filesystem::remove(path);
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
  CHECK(result.coverage.declared == k_tensors * k_bytes);
}
