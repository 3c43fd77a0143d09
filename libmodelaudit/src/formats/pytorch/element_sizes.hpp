/// @file
/// Bytes an element of PyTorch's storages and dtypes takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace modelaudit::formats::pytorch {

/// Of a storage class, "FloatStorage"; nothing for classes that are not known. Sub-byte types count whole bytes.
std::optional<std::uint64_t> storage_element_size(std::string_view class_name) noexcept;
/// Of a dtype, "float8_e4m3fn".
std::optional<std::uint64_t> dtype_size(std::string_view dtype) noexcept;

}  // namespace modelaudit::formats::pytorch
