#include "engine/shard_names.hpp"

#include <catch2/catch.hpp>

using namespace modelaudit::engine;

TEST_CASE("names of shards are known with their number and total", "[shard_names]") {
  struct Row {
    const char* name;
    const char* kind;
    const char* prefix;
    std::uint64_t number;
    std::optional<std::uint64_t> total;
  };
  const Row rows[] = {
      {"model-00001-of-00005.safetensors", "safetensors", "model", 1, 5},
      {"model.fp16-00002-of-00002.safetensors", "safetensors", "model.fp16", 2, 2},
      {"diffusion_pytorch_model-00003-of-00003.safetensors", "safetensors", "diffusion_pytorch_model", 3, 3},
      {"consolidated-00001-of-00002.safetensors", "safetensors", "consolidated", 1, 2},
      {"pytorch_model-00001-of-00002.bin", "pytorch", "pytorch_model", 1, 2},
      {"llama-3-8b-Q4_K_M-00002-of-00003.gguf", "gguf", "llama-3-8b-Q4_K_M", 2, 3},
      {"tf_model-00001-of-00002.h5", "tensorflow-h5", "tf_model", 1, 2},
      {"flax_model-00001-of-00002.msgpack", "flax", "flax_model", 1, 2},
      {"model.ckpt-1000.data-00000-of-00002", "tensorflow-checkpoint", "model.ckpt-1000", 0, 2},
      {"variables.data-00000-of-00001", "tensorflow-checkpoint", "variables", 0, 1},
      {"consolidated.07.pth", "consolidated", "consolidated", 7, std::nullopt},
      {"consolidated.00.safetensors", "consolidated", "consolidated", 0, std::nullopt},
      {"params_shard_12.bin", "mlc", "params_shard_", 12, std::nullopt},
      {"model_00001.weights.h5", "keras", "model", 1, std::nullopt},
      {"model_weights_3.h5", "keras-weights", "model_weights_", 3, std::nullopt},
      {"m-1-of-999999999999999999.bin", "pytorch", "m", 1, 999'999'999'999'999'999},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto shard = parse_shard_name(row.name);
    REQUIRE(shard);
    CHECK(shard->pattern->kind == row.kind);
    CHECK(shard->prefix == row.prefix);
    CHECK(shard->number == row.number);
    CHECK(shard->total == row.total);
    CHECK(shard->with_number(row.number) == row.name);
  }
}

TEST_CASE("epochs, versions and data are no shards", "[shard_names]") {
  for (const char* name : {"", "1", "-1-of-2.bin", "model.safetensors", "model-1.safetensors", "checkpoint_3.pt", "checkpoint-500.bin",
                           "epoch_12.pth", "resnet50.pth", "model-of-2.bin", "model-1-of-.bin", "model-1of2.bin", "train-00000-of-00005.parquet",
                           "model-00001-of-00002.json", "my_consolidated.00.pth", "consolidated.x.pth", "model-1-of-1234567890123456789.bin"}) {
    INFO(name);
    CHECK_FALSE(parse_shard_name(name));
  }
}

TEST_CASE("names of other shards keep the width of the digits", "[shard_names]") {
  const auto shard = parse_shard_name("m-00009-of-00012.bin");
  REQUIRE(shard);
  CHECK(shard->with_number(10) == "m-00010-of-00012.bin");
  CHECK(shard->with_number(123456) == "m-123456-of-00012.bin");
  CHECK(shard->with_star() == "m-*-of-00012.bin");
  CHECK(parse_shard_name("m-1-of-2.bin")->with_number(2) == "m-2-of-2.bin");
}

TEST_CASE("an index is looked for under the names that writers give it", "[shard_names]") {
  const auto plain = parse_shard_name("model-1-of-2.safetensors");
  CHECK(index_names(*plain->pattern, plain->prefix) == std::vector<std::string>{"model.safetensors.index.json"});
  const auto variant = parse_shard_name("model.fp16-1-of-2.safetensors");
  CHECK(index_names(*variant->pattern, variant->prefix) ==
        std::vector<std::string>{"model.fp16.safetensors.index.json", "model.safetensors.index.fp16.json"});
  const auto split = parse_shard_name("x-1-of-2.gguf");
  CHECK(index_names(*split->pattern, split->prefix).empty());
  const auto checkpoint = parse_shard_name("model.ckpt-7.data-00000-of-00001");
  CHECK(index_names(*checkpoint->pattern, checkpoint->prefix) == std::vector<std::string>{"model.ckpt-7.index"});
}
