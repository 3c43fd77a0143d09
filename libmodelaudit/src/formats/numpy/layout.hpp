/// @file
/// NumPy .npy: bytes to plain structs, without an opinion. Format: NEP 1 and numpy/lib/format.py.
///
/// | offset | width     | field |
/// |--------|-----------|-------|
/// | 0      | 6         | `\x93NUMPY` |
/// | 6      | 1         | major version: 1, 2 or 3 |
/// | 7      | 1         | minor version: 0 |
/// | 8      | 2 or 4    | header length, u16 little-endian in version 1, else u32 |
/// | 10, 12 | length    | header: a Python dict literal with the keys descr, fortran_order, shape; padded with spaces, `\n` at the end; latin-1, UTF-8 in version 3 |
/// | then   | rest      | the elements; for object arrays one pickle |
///
/// descr, as `descr_to_dtype` reads it:
/// - a string, given to `numpy.dtype`: byte order, kind and size (`'<f8'`), a type's name, or a comma-separated list
/// - a tuple `(descr, shape)`: a sub-array
/// - a list of fields `(name, descr)` or `(name, descr, shape)`, name being a string or a pair `(title, name)`
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit::formats::npy_layout {

inline constexpr std::uint64_t k_magic_size = 6;
inline constexpr std::uint64_t k_version_size = 2;
/// NumPy itself refuses headers over 10,000 characters unless told otherwise; wide structured arrays exist.
inline constexpr std::uint64_t k_max_header = std::uint64_t{16} << 20;

/// What `numpy.dtype` makes of a descr.
struct Dtype {
  std::optional<std::uint64_t> item_size;  ///< bytes; nothing: unknown, or does not fit
  bool has_object = false;                 ///< Python objects at any depth: the data are a pickle
  bool bytewise = false;                   ///< bytes, strings or opaque: any content looks natural there
  bool known = true;                       ///< every part was understood
};

/// The length field of a header, before the header itself.
struct Prefix {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint64_t header_offset = 0;  ///< from the magic
  std::uint64_t header_length = 0;
};

struct Header {
  std::string descr;  ///< as written
  Dtype dtype;
  bool fortran_order = false;
  bool negative_shape = false;
  std::optional<std::uint64_t> elements;  ///< product of the shape; nothing: does not fit
};

/// Magic, version and length; `head` starts at the magic and should hold 12 bytes.
Result<Prefix> parse_prefix(ByteView head);
/// The header's text. A Failure for anything that is not the plain dict of the three keys.
Result<Header> parse_header(ByteView text);
/// What `numpy.dtype(text)` would be.
Dtype classify_dtype(std::string_view text);

}  // namespace modelaudit::formats::npy_layout
