#include "formats/gguf/layout.hpp"

#include <algorithm>
#include <limits>

#include "modelaudit/error.hpp"

namespace modelaudit::formats::gguf_layout {
namespace {

constexpr std::uint32_t k_max_array_depth = 16;
// Above these a number is no matter of a file that was cut off.
constexpr std::uint64_t k_absurd_length = std::uint64_t{1} << 40;
// Longer strings are walked over, never handed out: the longest text a loader renders is far below.
constexpr std::uint64_t k_longest_text = std::uint64_t{16} << 20;

}  // namespace

std::uint64_t fixed_size(ValueType type) noexcept {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean: return 1;
    case ValueType::u16:
    case ValueType::i16: return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32: return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64: return 8;
    case ValueType::string:
    case ValueType::array: return 0;
  }
  return 0;
}

std::optional<std::uint64_t> Scalar::as_count() const noexcept {
  const std::uint64_t width = fixed_size(type) * 8;
  switch (type) {
    case ValueType::i8:
    case ValueType::i16:
    case ValueType::i32:
    case ValueType::i64: return (bits >> (width - 1)) == 0 ? std::optional(bits) : std::nullopt;
    case ValueType::u8:
    case ValueType::u16:
    case ValueType::u32:
    case ValueType::u64: return bits;
    default: return std::nullopt;
  }
}

Header parse_header(Cursor& in) {
  Header header;
  in.skip(4);
  const std::uint64_t at = in.offset();
  header.version = in.u32();
  if ((header.version & 0xFFFF) == 0) {  // the way llama.cpp tells a foreign byte order
    const std::uint32_t v = header.version;
    header.version = v >> 24 | (v >> 8 & 0xFF00) | (v << 8 & 0xFF0000) | v << 24;
    header.endian = in.endian() == Endian::little ? Endian::big : Endian::little;
    in.set_endian(header.endian);
  }
  if (header.version < 1 || header.version > 3) throw_malformed(Errc::unsupported, at, "gguf: version is none of 1, 2, 3");
  header.tensor_count = header.version == 1 ? in.u32() : in.u64();
  header.pair_count = header.version == 1 ? in.u32() : in.u64();
  return header;
}

std::uint64_t Walker::read_length() {
  const std::uint64_t at = in_.offset();
  const std::uint64_t length = header_.version == 1 ? in_.u32() : in_.u64();
  if (!in_.may_hold(length)) {
    if (length > k_absurd_length) observer_.on_absurd("a string is longer than any file", length, at);
    throw_malformed(Errc::truncated, at, "gguf: string longer than the file");
  }
  return length;
}

ByteView Walker::read_string() {
  const std::uint64_t length = read_length();
  const std::uint64_t handed = std::min(length, k_longest_text);
  const ByteView text = in_.take(handed);
  if (length > handed) throw_malformed(Errc::limit, text.offset(), "gguf: text longer than 16 MiB");
  return text;
}

void Walker::skip_string() { in_.skip(read_length()); }

ValueType Walker::read_type() {
  const std::uint64_t at = in_.offset();
  const std::uint32_t type = in_.u32();
  if (type > k_last_value_type) throw_malformed(Errc::unsupported, at, "gguf: value of an unknown type cannot be walked over");
  return static_cast<ValueType>(type);
}

void Walker::read_pairs() {
  for (std::uint64_t i = 0; i < header_.pair_count; ++i) {
    if ((i & 0x3F) == 0) budget_.checkpoint();
    const std::uint64_t key_at = in_.offset();
    name_.assign(read_string().text());
    observer_.on_key(name_, key_at);
    read_value(read_type());
  }
}

void Walker::read_value(ValueType type) {
  const std::uint64_t at = in_.offset();
  if (type == ValueType::string) {
    observer_.on_string(read_string());
  } else if (type == ValueType::array) {
    read_array(1);
  } else {
    observer_.on_scalar(read_scalar(type), at);
  }
}

Scalar Walker::read_scalar(ValueType type) {
  Scalar value{.type = type, .bits = 0};
  switch (fixed_size(type)) {
    case 1: value.bits = in_.read<std::uint8_t>(); break;
    case 2: value.bits = in_.read<std::uint16_t>(); break;
    case 4: value.bits = in_.u32(); break;
    default: value.bits = in_.u64(); break;
  }
  return value;
}

void Walker::read_array(std::uint32_t depth) {
  const std::uint64_t at = in_.offset();
  if (depth > k_max_array_depth) throw_malformed(Errc::limit, at, "gguf: arrays nested deeper than the limit");
  const ValueType element = read_type();
  const std::uint64_t count = header_.version == 1 ? in_.u32() : in_.u64();
  const Array array{.element = element, .count = count, .depth = depth};
  const std::uint64_t size = fixed_size(element);
  const std::uint64_t least = size != 0 ? size : header_.version == 1 ? 4 : 8;
  const auto bytes = checked_mul(count, least);
  if (!bytes || !in_.may_hold(*bytes)) {
    if (count > k_absurd_count) observer_.on_absurd("an array has more elements than any file holds", count, at);
    throw_malformed(Errc::truncated, at, "gguf: array longer than the file");
  }
  const bool wanted = observer_.on_array(array, at);
  if (element == ValueType::array) {
    for (std::uint64_t i = 0; i < count; ++i) {
      if ((i & 0xFFF) == 0) budget_.checkpoint();
      read_array(depth + 1);
    }
  } else if (element == ValueType::string) {
    read_strings(array, wanted);
  } else {
    read_scalars(array, wanted);
  }
}

void Walker::read_strings(const Array& array, bool wanted) {
  for (std::uint64_t i = 0; i < array.count; ++i) {
    if ((i & 0xFFFF) == 0) budget_.checkpoint();
    if (wanted) {
      observer_.on_element(i, read_string());
    } else {
      skip_string();
    }
  }
}

void Walker::read_scalars(const Array& array, bool wanted) {
  if (!wanted) return in_.skip(array.count * fixed_size(array.element));  // the product was checked
  for (std::uint64_t i = 0; i < array.count; ++i) {
    if ((i & 0xFFFF) == 0) budget_.checkpoint();
    observer_.on_element(i, read_scalar(array.element));
  }
}

void Walker::read_tensors() {
  for (std::uint64_t i = 0; i < header_.tensor_count; ++i) {
    if ((i & 0xFFF) == 0) budget_.checkpoint();
    TensorInfo tensor;
    tensor.info_offset = in_.offset();
    name_.assign(read_string().text());
    tensor.name = name_;
    const std::uint64_t dims_at = in_.offset();
    tensor.dim_count = in_.u32();
    if (tensor.dim_count > k_max_walked_dims) throw_malformed(Errc::limit, dims_at, "gguf: tensor with more than 1,024 dimensions");
    for (std::uint32_t d = 0; d < tensor.dim_count; ++d) {
      const std::uint64_t dim = header_.version == 1 ? in_.u32() : in_.u64();
      if (d < k_max_dims) tensor.dims[d] = dim;
      tensor.zero_dim |= dim == 0;
    }
    tensor.type = in_.u32();
    tensor.offset = in_.u64();
    observer_.on_tensor(tensor);
  }
}

}  // namespace modelaudit::formats::gguf_layout
