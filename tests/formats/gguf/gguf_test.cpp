#include <catch2/catch.hpp>
#include <string>

#include "formats/gguf/sample.hpp"
#include "support/cases.hpp"
#include "support/hex.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using test::bytes_of;
using test::describe;
using test::GgufBuilder;
using test::has_rule;
using test::scan;
using test::small_model;

namespace {

const std::string k_data32(32, '\1');

std::string one_tensor() { return small_model().tensor("w", {8}, 0, 0).build(k_data32); }

}  // namespace

TEST_CASE("the golden cases of gguf hold", "[gguf]") { test::run_cases(MODELAUDIT_TEST_DIR "/cases"); }

TEST_CASE("models of every version and byte order are clean and wholly examined", "[gguf]") {
  for (const std::uint32_t version : {1u, 2u, 3u}) {
    for (const bool big : {false, true}) {
      const std::string file = small_model(version, big).strings("tokenizer.ggml.tokens", {"a", "b"}).tensor("w", {8}, 0, 0).build(k_data32);
      const ScanResult result = scan(file, "m.gguf");
      INFO(version << big << describe(result));
      CHECK(result.verdict() == Verdict::clean);
      CHECK(result.findings.empty());
      CHECK(result.coverage.interpreted + result.coverage.declared == file.size());
    }
  }
}

TEST_CASE("templates are seen in every version, byte order, key and place", "[gguf]") {
  const std::string attack = "{{ ''.__class__.__mro__[1].__subclasses__() }}";
  for (const std::uint32_t version : {1u, 2u, 3u}) {
    for (const bool big : {false, true}) {
      const ScanResult result = scan(small_model(version, big).string("tokenizer.chat_template", attack).build(), "m.gguf");
      INFO(version << big << describe(result));
      CHECK(result.verdict() == Verdict::malicious);
    }
  }
  CHECK(scan(small_model().string("tokenizer.chat_template.tool_use", attack).build(), "m").verdict() == Verdict::malicious);
  CHECK(scan(small_model().strings("tokenizer.chat_templates", {"plain", attack}).build(), "m").verdict() == Verdict::malicious);
  CHECK(scan(small_model().string("tokenizer.chat_template", "{{ x }}").string("tokenizer.chat_template", attack).build(), "m").verdict() ==
        Verdict::malicious);
  // In a description nobody renders it: worth a warning, no more.
  CHECK(scan(small_model().string("general.description", attack).build(), "m").verdict() == Verdict::suspicious);
}

TEST_CASE("a vocabulary may hold any word", "[gguf]") {
  const std::string file = small_model()
                               .strings("tokenizer.ggml.tokens", {"<script", "os.system(", "eval(", "../", "{{", "{%", "__import__('os').system('id')"})
                               .string("general.source.url", "https://example.org/eval")
                               .build();
  const ScanResult result = scan(file, "m.gguf");
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
}

TEST_CASE("braces in a description are no broken template", "[gguf]") {
  const ScanResult result = scan(small_model().string("general.description", "use {{ and }} or {% as you like").build(), "m.gguf");
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
}

TEST_CASE("code in other metadata is found", "[gguf]") {
  const std::string code = "__import__('os').system('id')";
  CHECK(has_rule(scan(small_model().string("general.author", code).build(), "m.gguf"), "gguf-metadata-code", Severity::critical));
  CHECK(has_rule(scan(small_model().strings("general.tags", {"a", code}).build(), "m.gguf"), "gguf-metadata-code", Severity::critical));
}

TEST_CASE("counts and lengths that no file holds are told", "[gguf]") {
  for (const std::uint64_t n : {std::uint64_t{1} << 33, std::uint64_t{1} << 60, std::uint64_t{1} << 63, UINT64_MAX}) {
    INFO(n);
    for (const auto& [tensors, pairs] : {std::pair{n, std::uint64_t{0}}, std::pair{std::uint64_t{0}, n}}) {
      const ScanResult result = scan(GgufBuilder().counts(tensors, pairs).build(), "m.gguf");
      CHECK(has_rule(result, "gguf-count", Severity::warning));
      CHECK_FALSE(result.complete());
    }
    GgufBuilder builder;
    const ScanResult array = scan(builder.raw_pair("a", 9, builder.number(4, 4) + builder.number(n, 8)).build(), "m.gguf");
    CHECK(has_rule(array, "gguf-count", Severity::warning));
    CHECK_FALSE(array.complete());
  }
  const GgufBuilder b;
  const std::string long_key = "GGUF" + b.number(3, 4) + b.number(0, 8) + b.number(1, 8) + b.number(std::uint64_t{1} << 62, 8) + "abc";
  const ScanResult key = scan(long_key, "m.gguf");
  CHECK(has_rule(key, "gguf-count", Severity::warning));
  CHECK_FALSE(key.complete());
}

TEST_CASE("nested arrays are told and bounded", "[gguf]") {
  const auto nested = [](int depth) {
    GgufBuilder builder;
    std::string value;
    for (int i = 1; i < depth; ++i) value += builder.number(9, 4) + builder.number(1, 8);
    value += builder.number(0, 4) + builder.number(1, 8) + "x";
    return builder.raw_pair("a", 9, value).build();
  };
  CHECK_FALSE(has_rule(scan(nested(1), "m.gguf"), "gguf-nested-array"));
  CHECK(has_rule(scan(nested(2), "m.gguf"), "gguf-nested-array", Severity::warning));
  CHECK(scan(nested(16), "m.gguf").complete());
  CHECK_FALSE(scan(nested(17), "m.gguf").complete());
  CHECK_FALSE(scan(nested(100'000), "m.gguf").complete());
}

TEST_CASE("what cannot be walked over is inconclusive", "[gguf]") {
  GgufBuilder builder;
  CHECK(scan(builder.raw_pair("a", 13, "x").build(), "m.gguf").verdict() == Verdict::inconclusive);
  CHECK(scan(GgufBuilder(99).build(), "m.gguf").verdict() == Verdict::inconclusive);
  CHECK(scan(GgufBuilder(0).build(), "m.gguf").verdict() == Verdict::inconclusive);
}

TEST_CASE("no prefix of a model is clean", "[gguf]") {
  const std::string file = one_tensor();
  for (std::size_t n = 0; n < file.size(); ++n) {
    const ScanResult result = scan(std::string_view(file).substr(0, n), "m.gguf");
    INFO(n << describe(result));
    CHECK_FALSE(result.complete());
    CHECK(result.verdict() != Verdict::malicious);
  }
  test::check_ladder(bytes_of(file), "m.gguf");
}
