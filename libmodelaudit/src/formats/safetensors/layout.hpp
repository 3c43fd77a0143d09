/// @file
/// SafeTensors: bytes to plain structs, without an opinion. Format: the README of huggingface/safetensors, section
/// "Format", and the checks of its reference reader (`SafeTensors::read_metadata`, `Metadata::validate`).
///
/// | offset  | width | field |
/// |---------|-------|-------|
/// | 0       | 8     | N, length of the header, u64 little-endian; the reference reader refuses more than 100,000,000 |
/// | 8       | N     | header: one JSON object, first byte `{`, may be padded on the right with spaces |
/// | 8 + N   | rest  | data: the tensors, contiguous, no holes, no overlap |
///
/// Header members:
/// - `"__metadata__"`: object of strings
/// - any other key: a tensor, `{"dtype": name, "shape": [u64…], "data_offsets": [begin, end]}`, offsets in bytes from the
///   start of the data, end - begin == product(shape) * bits(dtype) / 8
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/budget.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::formats::safetensors_layout {

inline constexpr std::uint64_t k_length_size = 8;
/// MAX_HEADER_SIZE of the reference reader.
inline constexpr std::uint64_t k_reference_header_limit = 100'000'000;
/// Root object, tensor entry, array: nothing legal is nested deeper.
inline constexpr std::uint32_t k_legal_depth = 3;

/// Bits of one element, or nothing for a type this version does not know.
std::optional<std::uint32_t> dtype_bits(std::string_view dtype) noexcept;

/// One tensor whose data_offsets were two whole numbers.
struct Tensor {
  std::uint64_t begin = 0;        ///< from the start of the data, bytes
  std::uint64_t end = 0;
  std::uint32_t name_offset = 0;  ///< of the name's opening quote, from the start of the header
  bool bytewise = false;          ///< 8-bit integers or booleans: any bytes look natural there
};

enum class Problem : std::uint8_t {
  duplicate_tensor,
  duplicate_field,      ///< dtype, shape or data_offsets twice in one entry
  duplicate_metadata,   ///< a key of `__metadata__` twice
  bad_entry,            ///< not an object, or one of the three fields is missing or of the wrong type
  bad_offsets,          ///< not two whole numbers, or end before begin
  shape_overflow,       ///< product of the shape times the element size does not fit 64 bits
  size_mismatch,        ///< shape and dtype ask for another number of bytes than data_offsets give
  unknown_dtype,
  extra_field,
  deep,                 ///< nested deeper than anything legal
  metadata_type,        ///< a number, boolean or null in `__metadata__`, or instead of it
  metadata_nested,      ///< an array or object in `__metadata__`, or an array instead of it
};

/// Told about everything in document order. Offsets are absolute.
class HeaderObserver {
 public:
  virtual ~HeaderObserver() = default;
  /// `name` is the tensor or metadata key, decoded.
  virtual void on_problem(Problem problem, std::string_view name, std::uint64_t offset) = 0;
  /// A string that carries free text: a value of `__metadata__`, or of a field that the format does not know.
  virtual void on_text(std::string_view key, std::string_view value, std::uint64_t offset) = 0;
  virtual void on_tensor(std::string_view name, std::uint64_t offset) = 0;
};

/// What strict readers refuse in the header as text.
struct HeaderQuirks {
  std::optional<std::uint64_t> byte_order_mark;
  std::optional<std::uint64_t> invalid_text;  ///< invalid UTF-8, lone surrogate, raw control character, NaN
  std::uint64_t json_begin = 0;               ///< of the root object, absolute
  std::uint64_t json_end = 0;                 ///< behind the root object, absolute
};

struct Header {
  std::vector<Tensor> tensors;  ///< in header order
  HeaderQuirks quirks;
};

/// Walks the header once. `json` starts at its first byte. Throws Malformed when it is no JSON object or a limit is met;
/// the observer has then seen everything before that point.
Header parse_header(ByteView json, Budget& budget, MemoryCharge& charge, HeaderObserver& observer);

/// The decoded name of a tensor, for a message.
std::string tensor_name(ByteView json, const Tensor& tensor);

}  // namespace modelaudit::formats::safetensors_layout
