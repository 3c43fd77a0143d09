#include "engine/shard_names.hpp"

#include <array>
#include <charconv>

namespace modelaudit::engine {
namespace {

constexpr std::string_view k_of = "-of-";
constexpr std::size_t k_most_digits = 18;  // fits 64 bits, with room for one more

// Writers: transformers, diffusers and huggingface_hub (save_pretrained, save_torch_model), llama.cpp (gguf-split), Meta
// and Mistral (consolidated.NN), TensorFlow (tensor bundles), Keras (sharded weights), MLC (params_shard_N), TensorFlow.js.
// `checkpoint_N.pt` and the like are left out on purpose: they number epochs.
constexpr std::array k_patterns{
    ShardPattern{.kind = "safetensors", .lead = "-", .tail = ".safetensors", .index_tail = ".safetensors.index.json"},
    ShardPattern{.kind = "pytorch", .lead = "-", .tail = ".bin", .index_tail = ".bin.index.json"},
    ShardPattern{.kind = "pytorch", .lead = "-", .tail = ".pt", .index_tail = ".pt.index.json"},
    ShardPattern{.kind = "pytorch", .lead = "-", .tail = ".pth", .index_tail = ".pth.index.json"},
    ShardPattern{.kind = "pytorch", .lead = "-", .tail = ".ckpt", .index_tail = ".ckpt.index.json"},
    ShardPattern{.kind = "gguf", .lead = "-", .tail = ".gguf"},
    ShardPattern{.kind = "tensorflow-h5", .lead = "-", .tail = ".h5", .index_tail = ".h5.index.json"},
    ShardPattern{.kind = "flax", .lead = "-", .tail = ".msgpack", .index_tail = ".msgpack.index.json"},
    ShardPattern{.kind = "tensorflow-checkpoint", .lead = ".data-", .tail = "", .first = 0, .index_tail = ".index",
                 .needs_index = true, .opaque = true},
    ShardPattern{.kind = "consolidated", .prefix = "consolidated", .lead = ".", .has_total = false, .tail = ".pth", .first = 0},
    ShardPattern{.kind = "consolidated", .prefix = "consolidated", .lead = ".", .has_total = false, .tail = ".safetensors", .first = 0},
    ShardPattern{.kind = "mlc", .prefix = "params_shard_", .lead = "", .has_total = false, .tail = ".bin", .first = 0, .opaque = true},
    ShardPattern{.kind = "keras", .lead = "_", .has_total = false, .tail = ".weights.h5", .first = 0,
                 .index_tail = ".weights.json", .counts_only_with_index = true},
    ShardPattern{.kind = "keras-weights", .prefix = "model_weights_", .lead = "", .has_total = false, .tail = ".h5", .may_have_gaps = true},
};

/// Takes the digits off the end of `text`; nothing when there are none, or more than any shard has.
std::optional<std::uint64_t> take_number(std::string_view& text, std::size_t& width) {
  std::size_t begin = text.size();
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  width = text.size() - begin;
  if (width == 0 || width > k_most_digits) return std::nullopt;
  std::uint64_t value = 0;
  (void)std::from_chars(text.data() + begin, text.data() + text.size(), value);
  text.remove_suffix(width);
  return value;
}

bool take_end(std::string_view& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.remove_suffix(end.size());
  return true;
}

std::optional<ShardName> match(const ShardPattern& pattern, std::string_view name) {
  ShardName shard;
  shard.pattern = &pattern;
  if (!take_end(name, pattern.tail)) return std::nullopt;
  if (pattern.has_total) {
    shard.total = take_number(name, shard.total_width);
    if (!shard.total || !take_end(name, k_of)) return std::nullopt;
  }
  const auto number = take_number(name, shard.number_width);
  if (!number || !take_end(name, pattern.lead)) return std::nullopt;
  if (pattern.prefix.empty() ? name.empty() : name != pattern.prefix) return std::nullopt;
  shard.number = *number;
  shard.prefix = name;
  return shard;
}

std::string padded(std::uint64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

std::string with_text(const ShardName& shard, const std::string& number) {
  std::string out = shard.prefix;
  out.append(shard.pattern->lead).append(number);
  if (shard.total) out.append(k_of).append(padded(*shard.total, shard.total_width));
  return out.append(shard.pattern->tail);
}

}  // namespace

std::span<const ShardPattern> shard_patterns() noexcept { return k_patterns; }

std::string ShardName::with_number(std::uint64_t other) const { return with_text(*this, padded(other, number_width)); }
std::string ShardName::with_star() const { return with_text(*this, "*"); }

std::optional<ShardName> parse_shard_name(std::string_view name) {
  // Every shard's name has a digit in front of its tail; most other names are told apart by that alone.
  if (name.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;
  for (const ShardPattern& pattern : k_patterns) {
    if (auto shard = match(pattern, name)) return shard;
  }
  return std::nullopt;
}

std::vector<std::string> index_names(const ShardPattern& pattern, const std::string& prefix) {
  std::vector<std::string> names;
  if (pattern.index_tail.empty()) return names;
  names.push_back(prefix + std::string(pattern.index_tail));
  // A variant stands before the number of a shard, and at the end of an index: model.fp16-00001-of-00002.safetensors,
  // model.safetensors.index.fp16.json.
  const std::size_t dot = prefix.rfind('.');
  if (dot != std::string::npos && dot > 0 && pattern.index_tail.ends_with(".json")) {
    const std::string_view tail = pattern.index_tail.substr(0, pattern.index_tail.size() - 5);
    names.push_back(prefix.substr(0, dot) + std::string(tail) + prefix.substr(dot) + ".json");
  }
  return names;
}

}  // namespace modelaudit::engine
