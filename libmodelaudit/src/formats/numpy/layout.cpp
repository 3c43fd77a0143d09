#include "formats/numpy/layout.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "formats/numpy/literal.hpp"
#include "modelaudit/error.hpp"

namespace modelaudit::formats::npy_layout {
namespace {

constexpr std::uint32_t k_max_depth = 64;
constexpr std::uint64_t k_max_fields = 65'536;

struct NamedType {
  std::string_view name;
  std::uint64_t size;
};

// Names and one-letter codes that numpy.dtype takes (numpy/_core/_type_aliases.py, "Array scalars"), 64-bit Linux.
constexpr std::array<NamedType, 56> k_named_types{{
    {"?", 1},        {"b", 1},         {"B", 1},         {"h", 2},        {"H", 2},         {"i", 4},        {"I", 4},
    {"l", 8},        {"L", 8},         {"q", 8},         {"Q", 8},        {"p", 8},         {"P", 8},        {"e", 2},
    {"f", 4},        {"d", 8},         {"g", 16},        {"F", 8},        {"D", 16},        {"G", 32},       {"bool", 1},
    {"bool_", 1},    {"int8", 1},      {"int16", 2},     {"int32", 4},    {"int64", 8},     {"uint8", 1},    {"uint16", 2},
    {"uint32", 4},   {"uint64", 8},    {"float16", 2},   {"float32", 4},  {"float64", 8},   {"float96", 12}, {"float128", 16},
    {"complex64", 8}, {"complex128", 16}, {"complex256", 32}, {"byte", 1}, {"ubyte", 1},   {"short", 2},    {"ushort", 2},
    {"intc", 4},     {"uintc", 4},     {"int", 8},       {"int_", 8},     {"uint", 8},      {"longlong", 8}, {"ulonglong", 8},
    {"half", 2},     {"single", 4},    {"float", 8},     {"double", 8},   {"complex", 16},  {"csingle", 8},  {"cdouble", 16},
}};

Dtype sized(std::optional<std::uint64_t> size, bool bytewise = false) {
  return Dtype{.item_size = size, .has_object = false, .bytewise = bytewise, .known = true};
}

Dtype unknown_dtype(std::string_view text) {
  // numpy.dtype reads comma-separated lists, repeat counts and more. What may name objects counts as objects.
  const bool maybe_object = text.find('O') != std::string_view::npos || text.find("object") != std::string_view::npos;
  return Dtype{.item_size = std::nullopt, .has_object = maybe_object, .bytewise = false, .known = false};
}

bool one_of(std::uint64_t size, std::initializer_list<std::uint64_t> sizes) {
  return std::find(sizes.begin(), sizes.end(), size) != sizes.end();
}

// Kind letter and size of the array protocol ("f8", "U3").
std::optional<Dtype> sized_kind(char kind, std::string_view rest) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
  const std::string_view unit = rest.substr(static_cast<std::size_t>(end - rest.data()));
  const bool has_size = error == std::errc{};
  if (!has_size && !rest.empty()) return std::nullopt;
  if (kind == 'M' || kind == 'm') {  // datetime64, timedelta64: the unit follows in brackets
    if (has_size && size != 8) return std::nullopt;
    if (!unit.empty() && (unit.front() != '[' || unit.back() != ']')) return std::nullopt;
    return sized(8);
  }
  if (!unit.empty()) return std::nullopt;
  switch (kind) {
    case 'O': return Dtype{.item_size = 8, .has_object = true, .bytewise = false, .known = true};
    case 'S':
    case 'a':
    case 'V': return sized(size, true);
    case 'U': return sized(checked_mul(size, 4), true);
    case 'b': return has_size && size == 1 ? std::optional(sized(1, true)) : std::nullopt;
    case 'i':
    case 'u': return has_size && one_of(size, {1, 2, 4, 8, 16}) ? std::optional(sized(size, size == 1)) : std::nullopt;
    case 'f': return has_size && one_of(size, {2, 4, 8, 10, 12, 16}) ? std::optional(sized(size)) : std::nullopt;
    case 'c': return has_size && one_of(size, {4, 8, 16, 20, 24, 32}) ? std::optional(sized(size)) : std::nullopt;
    default: return std::nullopt;
  }
}

class HeaderParser {
 public:
  explicit HeaderParser(ByteView text) : text_(text), in_(text) {}

  Header parse() {
    in_.expect('{', "npy: header is not a dict");
    while (!in_.accept('}')) {
      read_pair();
      if (!in_.accept(',') && in_.peek() != '}') in_.refuse("npy: header is not a plain literal");
    }
    if (in_.peek() != '\0' || in_.offset() != text_.offset() + text_.size()) in_.refuse("npy: something follows the header's dict");
    if (!seen_descr_ || !seen_order_ || !seen_shape_) in_.refuse("npy: header lacks descr, fortran_order or shape");
    return header_;
  }

 private:
  void read_pair() {
    const std::string key = in_.string();
    in_.expect(':', "npy: header is not a plain literal");
    if (key == "descr") {
      once(seen_descr_);
      (void)in_.peek();
      const std::uint64_t begin = in_.offset();
      header_.dtype = read_descr(0);
      header_.descr = text_.clip(begin - text_.offset(), in_.offset() - begin).text();
    } else if (key == "fortran_order") {
      once(seen_order_);
      header_.fortran_order = in_.boolean();
    } else if (key == "shape") {
      once(seen_shape_);
      header_.elements = read_shape();
    } else {
      in_.refuse("npy: header has an unknown key");
    }
  }

  void once(bool& seen) {
    if (seen) in_.refuse("npy: header has a key twice");
    seen = true;
  }

  // Product of a tuple of integers, or of one integer.
  std::optional<std::uint64_t> read_shape() {
    std::optional<std::uint64_t> product = 1;
    bool zero = false;
    const auto multiply = [&] {
      const LiteralReader::Integer dim = in_.integer();
      if (dim.negative) header_.negative_shape = true;
      if (dim.magnitude == 0) zero = true;
      product = product && dim.magnitude ? checked_mul(*product, *dim.magnitude) : std::nullopt;
    };
    if (!in_.accept('(')) {
      multiply();
      return product;
    }
    while (!in_.accept(')')) {
      multiply();
      if (!in_.accept(',') && in_.peek() != ')') in_.refuse("npy: shape is not a tuple of integers");
    }
    return zero ? 0 : product;
  }

  Dtype read_descr(std::uint32_t depth) {
    if (depth >= k_max_depth) throw_malformed(Errc::limit, in_.offset(), "npy: descr nested deeper than the limit");
    if (in_.accept('[')) return read_fields(depth);
    if (!in_.accept('(')) return classify_dtype(in_.string());
    const Dtype base = read_descr(depth + 1);
    in_.expect(',', "npy: sub-array without a shape");
    const Dtype out = repeated(base, read_shape());
    in_.accept(',');
    in_.expect(')', "npy: sub-array is not a pair");
    return out;
  }

  static Dtype repeated(Dtype base, std::optional<std::uint64_t> times) {
    base.item_size = base.item_size && times ? checked_mul(*base.item_size, *times) : std::nullopt;
    return base;
  }

  Dtype read_fields(std::uint32_t depth) {
    Dtype all = sized(0);
    while (!in_.accept(']')) {
      if (++fields_ > k_max_fields) throw_malformed(Errc::limit, in_.offset(), "npy: more fields than the limit");
      const Dtype field = read_field(depth);
      all.item_size = all.item_size && field.item_size ? checked_add(*all.item_size, *field.item_size) : std::nullopt;
      all.has_object |= field.has_object;
      all.bytewise |= field.bytewise;
      all.known &= field.known;
      if (!in_.accept(',') && in_.peek() != ']') in_.refuse("npy: descr is not a list of fields");
    }
    return all;
  }

  Dtype read_field(std::uint32_t depth) {
    in_.expect('(', "npy: field is not a tuple");
    if (in_.accept('(')) {  // (title, name)
      in_.string();
      in_.expect(',', "npy: title without a name");
      in_.string();
      in_.accept(',');
      in_.expect(')', "npy: title and name are not a pair");
    } else {
      in_.string();
    }
    in_.expect(',', "npy: field without a type");
    Dtype field = read_descr(depth + 1);
    if (in_.accept(',') && in_.peek() != ')') {
      field = repeated(field, read_shape());
      in_.accept(',');
    }
    in_.expect(')', "npy: field is not a tuple");
    return field;
  }

  ByteView text_;
  LiteralReader in_;
  Header header_;
  std::uint64_t fields_ = 0;
  bool seen_descr_ = false;
  bool seen_order_ = false;
  bool seen_shape_ = false;
};

}  // namespace

Result<Prefix> parse_prefix(ByteView head) {
  if (!head.starts_with("\x93NUMPY")) return Failure{Errc::malformed, head.offset(), "npy: no magic"};
  if (head.size() < k_magic_size + k_version_size) return Failure{Errc::truncated, head.offset(), "npy: file ends in the header"};
  Prefix prefix{.major = head[k_magic_size], .minor = head[k_magic_size + 1], .header_offset = 0, .header_length = 0};
  if (prefix.major < 1 || prefix.major > 3) return Failure{Errc::unsupported, head.offset() + k_magic_size, "npy: version is none of 1, 2, 3"};
  const std::uint64_t at = k_magic_size + k_version_size;
  const auto short_length = head.le<std::uint16_t>(at);
  const auto long_length = head.le<std::uint32_t>(at);
  if (prefix.major == 1 ? !short_length.has_value() : !long_length.has_value()) {
    return Failure{Errc::truncated, head.offset() + at, "npy: file ends in the header"};
  }
  prefix.header_offset = at + (prefix.major == 1 ? 2 : 4);
  prefix.header_length = prefix.major == 1 ? *short_length : *long_length;
  return prefix;
}

Result<Header> parse_header(ByteView text) {
  try {
    return HeaderParser(text).parse();
  } catch (const Malformed& error) {
    return error.failure();
  }
}

Dtype classify_dtype(std::string_view text) {
  const std::string_view whole = text;
  if (text == "object" || text == "object_" || text == "object0") return sized_kind('O', "").value();
  if (!text.empty() && std::string_view("<>=|").find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  const auto named = std::find_if(k_named_types.begin(), k_named_types.end(), [&](const NamedType& row) { return row.name == text; });
  if (named != k_named_types.end()) return sized(named->size, named->size == 1);
  if (!text.empty()) {
    if (const auto dtype = sized_kind(text.front(), text.substr(1))) return *dtype;
  }
  return unknown_dtype(whole);
}

}  // namespace modelaudit::formats::npy_layout
