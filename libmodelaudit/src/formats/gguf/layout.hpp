/// @file
/// GGUF: bytes to plain structs and events, without an opinion. Format: ggml docs/gguf.md and gguf.cpp of llama.cpp.
///
/// All integers have one byte order: little-endian, or big-endian in files for big-endian machines, told by the version.
///
/// | order | field           | width                                                     |
/// |-------|-----------------|-----------------------------------------------------------|
/// | 1     | magic           | 4, `GGUF` in either byte order                            |
/// | 2     | version         | u32: 1, 2 or 3                                            |
/// | 3     | tensor count    | u64 (u32 in version 1)                                    |
/// | 4     | pair count      | u64 (u32 in version 1)                                    |
/// | 5     | pairs           | key string, u32 value type, value                         |
/// | 6     | tensor infos    | name string, u32 dimensions, u64 each (u32 in version 1), u32 type, u64 offset from the data's start |
/// | 7     | padding         | zeros up to a multiple of `general.alignment` (32)        |
/// | 8     | data            | tensors, each at a multiple of the alignment, zeros between |
///
/// String: u64 length (u32 in version 1), bytes. Array: u32 element type, u64 count (u32 in version 1), elements.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "formats/gguf/cursor.hpp"
#include "modelaudit/budget.hpp"

namespace modelaudit::formats::gguf_layout {

enum class ValueType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};
inline constexpr std::uint32_t k_last_value_type = 12;

/// Bytes of a value of fixed size; 0 for strings and arrays.
std::uint64_t fixed_size(ValueType type) noexcept;

inline constexpr std::uint32_t k_default_alignment = 32;
/// No file holds more pairs, tensors or array elements than this.
inline constexpr std::uint64_t k_absurd_count = std::uint64_t{1} << 32;
inline constexpr std::uint32_t k_max_dims = 4;             // GGML_MAX_DIMS
inline constexpr std::uint32_t k_max_walked_dims = 1024;   // more are no longer read one by one

struct Header {
  std::uint32_t version = 0;
  Endian endian = Endian::little;
  std::uint64_t tensor_count = 0;
  std::uint64_t pair_count = 0;
};

/// A number as written: bits zero-extended from their width, value for what fits an integer.
struct Scalar {
  ValueType type = ValueType::u8;
  std::uint64_t bits = 0;

  /// The value where it is a whole number that is not negative.
  std::optional<std::uint64_t> as_count() const noexcept;
};

struct Array {
  ValueType element = ValueType::u8;
  std::uint64_t count = 0;
  std::uint32_t depth = 1;  ///< 2 and more: an array inside an array
};

/// One tensor's description. Text is valid during the call that hands it out.
struct TensorInfo {
  std::string_view name;
  std::uint64_t info_offset = 0;  ///< absolute, of the description
  std::uint32_t dim_count = 0;
  std::array<std::uint64_t, k_max_dims> dims{};  ///< the first four
  bool zero_dim = false;
  std::uint32_t type = 0;
  std::uint64_t offset = 0;  ///< from the start of the data
};

/// Told about everything in document order. Views and text are valid during the call.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Before the value of each pair.
  virtual void on_key(std::string_view key, std::uint64_t offset) = 0;
  virtual void on_scalar(const Scalar& value, std::uint64_t offset) = 0;
  virtual void on_string(ByteView text) = 0;
  /// Before the elements. True: hand out each element; false: only their number and extent matter.
  virtual bool on_array(const Array& array, std::uint64_t offset) = 0;
  virtual void on_element(std::uint64_t index, const Scalar& value) = 0;
  virtual void on_element(std::uint64_t index, ByteView text) = 0;
  virtual void on_tensor(const TensorInfo& tensor) = 0;
  /// A length or count that no file can hold, before the walk stops there.
  virtual void on_absurd(const char* what, std::uint64_t number, std::uint64_t offset) = 0;
};

/// The fixed part. Throws Malformed for an unknown version.
Header parse_header(Cursor& in);

/// Reads pairs, then tensor descriptions. Throws Malformed at the first thing that cannot be walked over.
class Walker {
 public:
  Walker(Cursor& in, const Header& header, Budget& budget, Observer& observer)
      : in_(in), header_(header), budget_(budget), observer_(observer) {}

  void read_pairs();
  void read_tensors();

 private:
  std::uint64_t read_length();
  ByteView read_string();
  void skip_string();
  ValueType read_type();
  void read_value(ValueType type);
  void read_array(std::uint32_t depth);
  Scalar read_scalar(ValueType type);
  void read_strings(const Array& array, bool wanted);
  void read_scalars(const Array& array, bool wanted);

  Cursor& in_;
  const Header& header_;
  Budget& budget_;
  Observer& observer_;
  std::string name_;
};

}  // namespace modelaudit::formats::gguf_layout
