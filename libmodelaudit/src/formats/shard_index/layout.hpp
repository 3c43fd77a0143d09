/// @file
/// Index of a sharded model: JSON to names, without an opinion. Written by save_pretrained() of transformers and
/// diffusers and by save_torch_model() of huggingface_hub as `model.safetensors.index.json`, `pytorch_model.bin.index.json`,
/// `tf_model.h5.index.json`, `flax_model.msgpack.index.json`; by Keras as `model.weights.json`.
///
/// Root object:
/// - `"weight_map"`: object, tensor name -> name of the file that holds it, or an array of such names (Keras)
/// - `"metadata"`: object, `"total_size"`: bytes of all tensors; other members are free
/// - anything else: ignored by all readers
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "modelaudit/budget.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::formats::shard_index_layout {

enum class Problem : std::uint8_t {
  second_map,   ///< `weight_map` occurs twice: readers keep one of them
  bad_map,      ///< `weight_map` is no object
  bad_file,     ///< a tensor's file is not given as text
  text,         ///< invalid UTF-8, lone surrogate, raw control character, NaN: strict readers refuse it
};

/// Told about everything in document order. Offsets are absolute.
class IndexObserver {
 public:
  virtual ~IndexObserver() = default;
  virtual void on_problem(Problem problem, std::uint64_t offset) = 0;
  /// One assignment; both texts are decoded, and valid during the call only.
  virtual void on_tensor(std::string_view tensor, std::string_view file, std::uint64_t offset) = 0;
};

struct Index {
  bool has_map = false;
  std::optional<std::uint64_t> total_size;  ///< as declared
  std::uint64_t end = 0;                    ///< behind the root object and the white space after it, absolute
};

/// Does a JSON object begin here that has a `weight_map` object, as far as the view goes? Stops there.
bool has_weight_map(ByteView head);

/// Walks the index once. Throws Malformed when it is no JSON object or a limit is met; the observer has then seen
/// everything before that point.
Index parse_index(ByteView json, Budget& budget, IndexObserver& observer);

/// Told about the tensors in the header of a safetensors shard.
class HeaderObserver {
 public:
  virtual ~HeaderObserver() = default;
  /// `form` is the same for equal dtype and shape.
  virtual void on_shard_tensor(std::string_view tensor, std::uint32_t form) = 0;
};

/// Walks the header of a shard for names and shapes alone; its own scan judges the rest. Throws Malformed.
void parse_shard_header(ByteView json, Budget& budget, HeaderObserver& observer);

}  // namespace modelaudit::formats::shard_index_layout
