/// @file
/// Element types of GGML tensors: how many elements a block holds and how many bytes it takes. ggml.h `enum ggml_type`,
/// ggml-common.h `block_*`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace modelaudit::formats::gguf_layout {

enum class TypeState : std::uint8_t {
  known,
  retired,    ///< was in use once; its size is not known any more
  unknown,    ///< a number that a later version may define
  impossible,  ///< negative as a signed integer, or beyond any table
};

struct Block {
  std::string_view name;
  std::uint32_t elements = 0;
  std::uint32_t bytes = 0;
};

TypeState type_state(std::uint32_t type) noexcept;
/// Block of a known type, or nothing.
std::optional<Block> block_of(std::uint32_t type) noexcept;
/// Block sizes before GGJT version 3, when quantised types kept 32-bit scales.
std::optional<Block> old_block_of(std::uint32_t type) noexcept;

/// Bytes of a tensor of these dimensions, or nothing when a product does not fit, or a row is no whole number of blocks.
std::optional<std::uint64_t> tensor_bytes(const Block& block, std::span<const std::uint64_t> dims) noexcept;

}  // namespace modelaudit::formats::gguf_layout
