/// @file
/// Cheap questions about the first bytes of a literal, or of what a decoder made of it.
#pragma once

#include <cstdint>
#include <optional>

#include "modelaudit/bytes.hpp"

namespace modelaudit::detect {

/// The magic of a payload or of a compressed stream, from four bytes and more.
bool has_magic(ByteView head) noexcept;
/// The first twelve bytes (or all) are printable ASCII or blanks.
bool is_text_head(ByteView head) noexcept;
/// The key under which one-byte XOR gives a pickle, if there is one.
std::optional<std::uint8_t> xor_key(ByteView literal);

/// Worth a closer look as payload, compressed stream or encoded text.
bool is_promising(ByteView head);

}  // namespace modelaudit::detect
