/// @file
/// Which decoder reads which compression method.
#pragma once

#include <cstdint>
#include <optional>

#include "io/codecs.hpp"

namespace modelaudit::wire::zip {

/// The codec of a method; nothing for stored data and for methods that are not read.
std::optional<io::Codec> codec_of(std::uint16_t method) noexcept;
bool is_readable(std::uint16_t method) noexcept;

}  // namespace modelaudit::wire::zip
