#include "formats/gguf/blocks.hpp"

#include <array>
#include <limits>

#include "modelaudit/bytes.hpp"

namespace modelaudit::formats::gguf_layout {
namespace {

struct Row {
  std::uint32_t type;
  Block block;
};

constexpr std::array k_blocks{
    Row{0, {"F32", 1, 4}},        Row{1, {"F16", 1, 2}},        Row{2, {"Q4_0", 32, 18}},     Row{3, {"Q4_1", 32, 20}},
    Row{6, {"Q5_0", 32, 22}},     Row{7, {"Q5_1", 32, 24}},     Row{8, {"Q8_0", 32, 34}},     Row{9, {"Q8_1", 32, 36}},
    Row{10, {"Q2_K", 256, 84}},   Row{11, {"Q3_K", 256, 110}},  Row{12, {"Q4_K", 256, 144}},  Row{13, {"Q5_K", 256, 176}},
    Row{14, {"Q6_K", 256, 210}},  Row{15, {"Q8_K", 256, 292}},  Row{16, {"IQ2_XXS", 256, 66}}, Row{17, {"IQ2_XS", 256, 74}},
    Row{18, {"IQ3_XXS", 256, 98}}, Row{19, {"IQ1_S", 256, 50}}, Row{20, {"IQ4_NL", 32, 18}},  Row{21, {"IQ3_S", 256, 110}},
    Row{22, {"IQ2_S", 256, 82}},  Row{23, {"IQ4_XS", 256, 136}}, Row{24, {"I8", 1, 1}},        Row{25, {"I16", 1, 2}},
    Row{26, {"I32", 1, 4}},       Row{27, {"I64", 1, 8}},       Row{28, {"F64", 1, 8}},       Row{29, {"IQ1_M", 256, 56}},
    Row{30, {"BF16", 1, 2}},      Row{34, {"TQ1_0", 256, 54}},  Row{35, {"TQ2_0", 256, 66}},  Row{39, {"MXFP4", 32, 17}},
    Row{40, {"NVFP4", 64, 36}},   Row{41, {"Q1_0", 128, 18}},   Row{42, {"Q2_0", 64, 18}},
};

// Q4_2, Q4_3, the interleaved Q4_0_4_4 … and IQ4_NL_4_4 …
constexpr std::array<std::uint32_t, 8> k_retired{4, 5, 31, 32, 33, 36, 37, 38};

constexpr std::array k_old_blocks{
    Row{0, {"F32", 1, 4}},    Row{1, {"F16", 1, 2}},    Row{2, {"Q4_0", 32, 20}}, Row{3, {"Q4_1", 32, 24}}, Row{4, {"Q4_2", 16, 10}},
    Row{5, {"Q4_3", 16, 12}}, Row{6, {"Q5_0", 32, 22}}, Row{7, {"Q5_1", 32, 24}}, Row{8, {"Q8_0", 32, 36}},
};

constexpr std::uint32_t k_largest_plausible_type = 255;

template <typename Table>
std::optional<Block> find(const Table& table, std::uint32_t type) noexcept {
  for (const Row& row : table) {
    if (row.type == type) return row.block;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Block> block_of(std::uint32_t type) noexcept { return find(k_blocks, type); }

std::optional<Block> old_block_of(std::uint32_t type) noexcept { return find(k_old_blocks, type); }

TypeState type_state(std::uint32_t type) noexcept {
  if (block_of(type)) return TypeState::known;
  for (const std::uint32_t retired : k_retired) {
    if (retired == type) return TypeState::retired;
  }
  return type > k_largest_plausible_type ? TypeState::impossible : TypeState::unknown;
}

std::optional<std::uint64_t> tensor_bytes(const Block& block, std::span<const std::uint64_t> dims) noexcept {
  if (dims.empty()) return block.bytes;
  if (dims.front() % block.elements != 0) return std::nullopt;
  auto bytes = checked_mul(dims.front() / block.elements, block.bytes);
  std::optional<std::uint64_t> elements = dims.front();
  for (const std::uint64_t dim : dims.subspan(1)) {
    if (bytes) bytes = checked_mul(*bytes, dim);
    if (elements) elements = checked_mul(*elements, dim);
  }
  // GGML counts elements in a signed 64-bit integer.
  if (!elements || *elements > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return bytes;
}

}  // namespace modelaudit::formats::gguf_layout
