#include "formats/gguf/legacy.hpp"

#include <array>
#include <string>

#include "formats/gguf/blocks.hpp"
#include "modelaudit/error.hpp"

namespace modelaudit::formats::gguf_layout {
namespace {

using Vocabulary = LegacyVariant::Vocabulary;

constexpr std::uint64_t k_alignment = 32;
// Bounds of what real files hold; they tell a wrong variant from a right one.
constexpr std::uint32_t k_most_tokens = 2'000'000;
constexpr std::uint32_t k_longest_token = 4096;
constexpr std::uint32_t k_longest_name = 512;
constexpr std::uint64_t k_most_mel_values = 1'000'000;

struct MagicRow {
  std::string_view on_disk;  // little-endian
  LegacyKind kind;
};

constexpr std::array<MagicRow, 6> k_magics{{
    {"lmgg", LegacyKind::ggml},
    {"fmgg", LegacyKind::ggmf},
    {"tjgg", LegacyKind::ggjt},
    {"algg", LegacyKind::ggla},
    {"nsgg", LegacyKind::session},
    {"asgg", LegacyKind::session},
}};

constexpr LegacyVariant llama(bool scores, bool old_blocks, bool aligned) {
  return {.hparams = 7, .vocabulary = Vocabulary::by_hparam, .vocabulary_hparam = 0, .mel_filters = false,
          .scores = scores, .old_blocks = old_blocks, .aligned = aligned};
}
constexpr LegacyVariant example(std::uint8_t hparams, Vocabulary vocabulary, std::uint8_t index, bool old_blocks) {
  return {.hparams = hparams, .vocabulary = vocabulary, .vocabulary_hparam = index, .mel_filters = false,
          .scores = false, .old_blocks = old_blocks, .aligned = false};
}
constexpr LegacyVariant whisper(bool old_blocks) {
  return {.hparams = 11, .vocabulary = Vocabulary::counted, .vocabulary_hparam = 0, .mel_filters = true,
          .scores = false, .old_blocks = old_blocks, .aligned = false};
}

// Whisper; GPT-2 and StarCoder; GPT-J and Dolly; LLaMA and BERT; GPT-NeoX; MPT; Replit.
constexpr std::array k_ggml{
    whisper(false),
    whisper(true),
    example(6, Vocabulary::counted, 0, false),
    example(6, Vocabulary::counted, 0, true),
    example(7, Vocabulary::counted, 0, false),
    example(7, Vocabulary::counted, 0, true),
    llama(false, true, false),
    llama(false, false, false),
    example(8, Vocabulary::by_hparam, 0, false),
    example(8, Vocabulary::by_hparam, 0, true),
    example(8, Vocabulary::counted, 0, false),
    example(8, Vocabulary::counted, 0, true),
    example(8, Vocabulary::by_hparam, 4, false),
    example(8, Vocabulary::by_hparam, 4, true),
    example(6, Vocabulary::by_hparam, 4, false),
    example(6, Vocabulary::by_hparam, 4, true),
};
// LLaMA; RWKV, which keeps its vocabulary elsewhere.
constexpr std::array k_ggmf{
    llama(true, true, false),
    llama(true, false, false),
    example(4, Vocabulary::none, 0, false),
    example(4, Vocabulary::none, 0, true),
};
constexpr std::array k_ggjt_old{llama(true, true, true)};
constexpr std::array k_ggjt{llama(true, false, true)};
constexpr std::array k_ggla{
    LegacyVariant{.hparams = 2, .vocabulary = Vocabulary::none, .vocabulary_hparam = 0, .mel_filters = false,
                  .scores = false, .old_blocks = false, .aligned = true},
};

constexpr std::uint32_t k_first_new_blocks = 3;  // ggjt version 3 took up 16-bit scales

// Header up to the tensors; false when the variant cannot be right.
bool walk_header(Cursor& in, const LegacyVariant& variant, Budget& budget) {
  std::array<std::uint32_t, 16> hparams{};
  for (std::uint8_t i = 0; i < variant.hparams; ++i) hparams[i] = in.u32();
  if (variant.mel_filters) {
    const auto values = checked_mul(in.u32(), in.u32());
    if (!values || *values > k_most_mel_values) return false;
    in.skip(*values * 4);
  }
  if (variant.vocabulary == Vocabulary::none) return true;
  const std::uint32_t tokens = variant.vocabulary == Vocabulary::counted ? in.u32() : hparams[variant.vocabulary_hparam];
  if (tokens > k_most_tokens) return false;
  for (std::uint32_t i = 0; i < tokens; ++i) {
    if ((i & 0xFFFF) == 0) budget.checkpoint();
    const std::uint32_t length = in.u32();
    if (length > k_longest_token) return false;
    in.skip(length + (variant.scores ? 4u : 0u));
  }
  return true;
}

// One tensor's header; false when no tensor stands here.
bool read_tensor_header(Cursor& in, const LegacyVariant& variant, LegacyTensor& tensor, std::string& name) {
  tensor.header_offset = in.offset();
  const std::uint32_t dim_count = in.u32();
  const std::uint32_t name_length = in.u32();
  const std::uint32_t type = in.u32();
  const auto block = variant.old_blocks ? old_block_of(type) : block_of(type);
  if (dim_count > 4 || name_length > k_longest_name || !block) return false;
  std::array<std::uint64_t, 4> dims{};
  for (std::uint32_t i = 0; i < dim_count; ++i) dims[i] = in.u32();
  name.assign(in.take(name_length).text());
  const auto bytes = tensor_bytes(*block, std::span(dims).first(dim_count));
  if (!bytes) return false;
  if (variant.aligned) in.skip((k_alignment - in.offset() % k_alignment) % k_alignment);
  tensor.name = name;
  tensor.data_offset = in.offset();
  tensor.data_size = *bytes;
  tensor.bytewise = block->bytes == 1;
  return true;
}

}  // namespace

std::optional<LegacyMagic> legacy_magic(ByteView head) noexcept {
  for (const MagicRow& row : k_magics) {
    if (head.starts_with(row.on_disk)) return LegacyMagic{row.kind, Endian::little};
    const std::string_view m = row.on_disk;
    const std::array<char, 4> reversed{m[3], m[2], m[1], m[0]};
    if (head.starts_with({reversed.data(), reversed.size()})) return LegacyMagic{row.kind, Endian::big};
  }
  return std::nullopt;
}

std::span<const LegacyVariant> legacy_variants(LegacyKind kind, std::uint32_t version) {
  switch (kind) {
    case LegacyKind::ggml: return k_ggml;
    case LegacyKind::ggmf: return k_ggmf;
    case LegacyKind::ggjt:
      if (version < k_first_new_blocks) return k_ggjt_old;
      return k_ggjt;
    case LegacyKind::ggla: return k_ggla;
    case LegacyKind::session: break;
  }
  return {};
}

LegacyWalk walk_legacy(Cursor& in, const LegacyVariant& variant, Budget& budget,
                       const std::function<void(const LegacyTensor&)>& on_tensor) {
  LegacyWalk walk;
  std::string name;
  try {
    if (!walk_header(in, variant, budget)) return walk;
    walk.reached = in.offset();
    while (!in.at_end()) {
      budget.checkpoint();
      LegacyTensor tensor;
      if (!read_tensor_header(in, variant, tensor, name)) return walk;
      in.skip(tensor.data_size);
      if (on_tensor) on_tensor(tensor);
      walk.reached = in.offset();
      ++walk.tensors;
    }
    walk.complete = true;
  } catch (const Malformed& error) {
    if (error.failure().code != Errc::truncated) throw;
    walk.truncated = true;
  }
  return walk;
}

}  // namespace modelaudit::formats::gguf_layout
