#include "formats/pytorch/element_sizes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace modelaudit::formats::pytorch {

namespace {

using Size = std::pair<std::string_view, std::uint64_t>;

// torch/storage.py, _dtype_to_storage_type_map; quantised types of less than a byte are packed into bytes.
constexpr std::array<Size, 19> k_storages = {{{"BFloat16Storage", 2},
                                              {"BoolStorage", 1},
                                              {"ByteStorage", 1},
                                              {"CharStorage", 1},
                                              {"ComplexDoubleStorage", 16},
                                              {"ComplexFloatStorage", 8},
                                              {"ComplexHalfStorage", 4},
                                              {"DoubleStorage", 8},
                                              {"FloatStorage", 4},
                                              {"HalfStorage", 2},
                                              {"IntStorage", 4},
                                              {"LongStorage", 8},
                                              {"QInt32Storage", 4},
                                              {"QInt8Storage", 1},
                                              {"QUInt2x4Storage", 1},
                                              {"QUInt4x2Storage", 1},
                                              {"QUInt8Storage", 1},
                                              {"ShortStorage", 2},
                                              {"UntypedStorage", 1}}};

// c10/core/ScalarType.h
constexpr std::array<Size, 22> k_dtypes = {{{"bfloat16", 2},        {"bool", 1},           {"complex128", 16},     {"complex32", 4},
                                            {"complex64", 8},       {"float16", 2},        {"float32", 4},         {"float64", 8},
                                            {"float8_e4m3fn", 1},   {"float8_e4m3fnuz", 1}, {"float8_e5m2", 1},    {"float8_e5m2fnuz", 1},
                                            {"float8_e8m0fnu", 1},  {"int16", 2},          {"int32", 4},           {"int64", 8},
                                            {"int8", 1},            {"uint16", 2},         {"uint32", 4},          {"uint64", 8},
                                            {"uint8", 1},           {"float4_e2m1fn_x2", 1}}};

template <std::size_t N>
std::optional<std::uint64_t> look_up(const std::array<Size, N>& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Size& size) { return size.first == name; });
  return found == table.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::optional<std::uint64_t> storage_element_size(std::string_view class_name) noexcept { return look_up(k_storages, class_name); }
std::optional<std::uint64_t> dtype_size(std::string_view dtype) noexcept { return look_up(k_dtypes, dtype); }

}  // namespace modelaudit::formats::pytorch
