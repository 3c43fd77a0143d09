/// @file
/// The formats before GGUF, as written by ggml's examples, llama.cpp until August 2023, whisper.cpp to this day.
///
/// All integers u32; one byte order, told by the magic.
///
/// | order | field       | where |
/// |-------|-------------|-------|
/// | 1     | magic       | `ggml`, `ggmf`, `ggjt`, `ggla` as a number: on disk reversed in little-endian files |
/// | 2     | version     | not for `ggml` |
/// | 3     | hparams     | a number of u32 that depends on the program: 7 for LLaMA and GPT-J, 6 for GPT-2, 11 for Whisper … |
/// | 4     | mel filters | Whisper: u32 rows, u32 columns, that many f32 |
/// | 5     | vocabulary  | some programs: u32 count; then {u32 length, bytes, f32 score from `ggmf` on} each; not for adapters |
/// | 6     | tensors     | to the end: {u32 dims, u32 name length, u32 type, u32 dim each, name, zeros to 32 in `ggjt` and `ggla`, data} |
///
/// The file does not say which program wrote it. So every known variant is tried; the one that explains the file to its
/// last byte is right.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "formats/gguf/cursor.hpp"
#include "modelaudit/budget.hpp"

namespace modelaudit::formats::gguf_layout {

enum class LegacyKind : std::uint8_t { ggml, ggmf, ggjt, ggla, session };

struct LegacyMagic {
  LegacyKind kind = LegacyKind::ggml;
  Endian endian = Endian::little;
};

/// The magic at the start of a file, in either byte order.
std::optional<LegacyMagic> legacy_magic(ByteView head) noexcept;

/// One way to read a file.
struct LegacyVariant {
  std::uint8_t hparams = 7;
  enum class Vocabulary : std::uint8_t { none, counted, by_hparam } vocabulary = Vocabulary::by_hparam;
  std::uint8_t vocabulary_hparam = 0;  ///< which of hparams is the number of tokens
  bool mel_filters = false;
  bool scores = false;
  bool old_blocks = false;
  bool aligned = false;
};

struct LegacyTensor {
  std::string_view name;
  std::uint64_t header_offset = 0;
  std::uint64_t data_offset = 0;
  std::uint64_t data_size = 0;
  bool bytewise = false;
};

/// How far a variant leads.
struct LegacyWalk {
  std::uint64_t reached = 0;   ///< behind the last whole tensor (or the header)
  std::uint64_t tensors = 0;
  bool complete = false;       ///< the file ends there
  bool truncated = false;      ///< the file ends inside a tensor
};

/// The variants that a file with this magic and version may have, the usual ones first.
std::span<const LegacyVariant> legacy_variants(LegacyKind kind, std::uint32_t version);

/// Walks `in`, which stands behind the magic and version. Throws Malformed for nothing but limits.
LegacyWalk walk_legacy(Cursor& in, const LegacyVariant& variant, Budget& budget,
                       const std::function<void(const LegacyTensor&)>& on_tensor);

}  // namespace modelaudit::formats::gguf_layout
