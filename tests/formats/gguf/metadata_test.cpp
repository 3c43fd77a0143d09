#include <catch2/catch.hpp>
#include <string>

#include "formats/gguf/sample.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using test::describe;
using test::GgufBuilder;
using test::has_rule;
using test::scan;
using test::small_model;

namespace {

constexpr std::uint32_t k_i32 = 5;
constexpr std::uint32_t k_f32 = 6;

bool clean(const GgufBuilder& builder) {
  const ScanResult result = scan(builder.build(), "m.gguf");
  INFO(describe(result));
  CHECK(result.findings.empty());
  return result.verdict() == Verdict::clean;
}

bool warns(const GgufBuilder& builder, const char* rule) { return has_rule(scan(builder.build(), "m.gguf"), rule, Severity::warning); }

GgufBuilder model_of(const char* architecture) { return GgufBuilder().string("general.architecture", architecture); }

GgufBuilder vocabulary() { return small_model().strings("tokenizer.ggml.tokens", {"<unk>", "<0x0A>", "a", "b"}); }

}  // namespace

TEST_CASE("hyperparameters that no model has are told", "[gguf]") {
  CHECK(warns(model_of("llama").u32("llama.block_count", 0), "gguf-hparam"));
  CHECK(warns(model_of("llama").u32("llama.block_count", 100'000), "gguf-hparam"));
  CHECK(warns(model_of("llama").u32("llama.attention.head_count", 0), "gguf-hparam"));
  CHECK(warns(model_of("llama").u32("llama.attention.head_count", 3).u32("llama.embedding_length", 64), "gguf-hparam"));
  CHECK(warns(model_of("llama").u32("llama.expert_count", 2).u32("llama.expert_used_count", 3), "gguf-hparam"));
  CHECK(warns(small_model().u32("llama.attention.key_length", 8), "gguf-hparam"));
}

TEST_CASE("hyperparameters of real kinds of models are in order", "[gguf]") {
  CHECK(clean(model_of("llama").u32("llama.block_count", 126)));
  CHECK(clean(model_of("mamba").u32("mamba.block_count", 4).u32("mamba.attention.head_count", 0).u32("mamba.ssm.state_size", 16)));
  CHECK(clean(model_of("rwkv6").u32("rwkv6.attention.head_count", 0).u32("rwkv6.wkv.head_size", 64)));
  // Heads that differ by layer, none in some of them.
  CHECK(clean(model_of("openelm").u32("openelm.embedding_length", 1280).numbers("openelm.attention.head_count", 4, 4, {12, 0, 16})));
  // A head size of its own.
  CHECK(clean(model_of("gemma3").u32("gemma3.embedding_length", 1000).u32("gemma3.attention.head_count", 3).u32("gemma3.attention.key_length", 256)));
  CHECK(clean(model_of("deepseek2").u32("deepseek2.expert_count", 64).u32("deepseek2.expert_used_count", 6)
                  .u32("deepseek2.attention.head_count", 16).u32("deepseek2.embedding_length", 2048)
                  .u32("deepseek2.attention.key_length", 192).u32("deepseek2.rope.dimension_count", 64)));
  CHECK(clean(model_of("clip").u32("clip.vision.block_count", 0).u32("clip.block_count", 0)));
  CHECK(clean(GgufBuilder().string("general.type", "adapter").string("general.architecture", "llama").u32("llama.block_count", 0)));
  CHECK(clean(GgufBuilder().string("general.type", "imatrix").strings("imatrix.datasets", {"wiki.train.raw"}).u32("imatrix.chunk_size", 512)));
}

TEST_CASE("vocabularies of real tokenizers are in order", "[gguf]") {
  CHECK(clean(vocabulary().numbers("tokenizer.ggml.scores", k_f32, 4, {0, 0, 0, 0}).numbers("tokenizer.ggml.token_type", k_i32, 4, {2, 6, 1, 1})));
  CHECK(clean(vocabulary().strings("tokenizer.ggml.merges", {"a b", "Ġ a"})));
  CHECK(clean(vocabulary().u32("tokenizer.ggml.bos_token_id", 3).u32("tokenizer.ggml.padding_token_id", 0xFFFFFFFF).i32("tokenizer.ggml.eot_token_id", -1)));
  CHECK(clean(small_model().string("tokenizer.ggml.model", "no_vocab")));
  // A pad token just behind the vocabulary: real conversions have it, loaders fall back.
  const ScanResult slip = scan(vocabulary().u32("tokenizer.ggml.padding_token_id", 4).build(), "m.gguf");
  CHECK(has_rule(slip, "gguf-vocab"));
  CHECK(slip.verdict() == Verdict::clean);
}

TEST_CASE("vocabularies that do not hold are told", "[gguf]") {
  CHECK(warns(vocabulary().numbers("tokenizer.ggml.scores", k_f32, 4, {0, 0, 0}), "gguf-vocab"));
  CHECK(warns(vocabulary().numbers("tokenizer.ggml.token_type", k_i32, 4, {1, 1, 1, 1, 1}), "gguf-vocab"));
  CHECK(warns(vocabulary().u32("tokenizer.ggml.eos_token_id", 1'000'000), "gguf-vocab"));
  CHECK(warns(vocabulary().strings("tokenizer.ggml.merges", {"a b", "ab"}), "gguf-vocab"));
  CHECK(warns(small_model().strings("tokenizer.ggml.tokens", {}), "gguf-vocab"));
  CHECK(warns(small_model().strings("tokenizer.ggml.tokens", {std::string(65'537, 'a')}), "gguf-vocab"));
  CHECK_FALSE(warns(small_model().strings("tokenizer.ggml.tokens", {std::string(65'536, 'a')}), "gguf-vocab"));
}

TEST_CASE("a byte token that spells no byte is critical in either order of the arrays", "[gguf]") {
  for (const char* token : {"<0xZZ>", "x", "<0x1>", "<0x123>", ""}) {
    INFO(token);
    const ScanResult after = scan(
        small_model().strings("tokenizer.ggml.tokens", {"a", token}).numbers("tokenizer.ggml.token_type", k_i32, 4, {1, 6}).build(), "m.gguf");
    const ScanResult before = scan(
        small_model().numbers("tokenizer.ggml.token_type", k_i32, 4, {1, 6}).strings("tokenizer.ggml.tokens", {"a", token}).build(), "m.gguf");
    CHECK(has_rule(after, "gguf-byte-token", Severity::critical));
    CHECK(has_rule(before, "gguf-byte-token", Severity::critical));
  }
  CHECK(clean(small_model().strings("tokenizer.ggml.tokens", {"<0xaF>"}).numbers("tokenizer.ggml.token_type", k_i32, 4, {6})));
}

TEST_CASE("duplicate keys and unusable alignments are told", "[gguf]") {
  CHECK(warns(small_model().string("general.name", "again"), "gguf-duplicate"));
  for (const std::uint32_t alignment : {0u, 3u, 33u, 1u << 17, 1u << 31}) {
    INFO(alignment);
    CHECK(warns(small_model().u32("general.alignment", alignment), "gguf-alignment"));
  }
  CHECK(clean(small_model().u32("general.alignment", 32)));
}

TEST_CASE("splits that hold are clean, others told", "[gguf]") {
  CHECK(clean(small_model().raw_pair("split.no", 2, std::string("\1\0", 2)).raw_pair("split.count", 2, std::string("\3\0", 2)).i32("split.tensors.count", 291)));
  CHECK(clean(small_model().raw_pair("split.no", 2, std::string("\0\0", 2)).raw_pair("split.count", 2, std::string("\0\0", 2))));
  CHECK(warns(small_model().u32("split.no", 3).u32("split.count", 3), "gguf-split"));
}
