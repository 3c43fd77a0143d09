/// @file
/// Is this input a pickle? Walks over opcodes from the first byte; the name only adds suspicion.
#pragma once

#include "modelaudit/scanner.hpp"
#include "wire/pickle/walk.hpp"

namespace modelaudit::formats::pickles {

/// How sure the bytes themselves make us.
enum class Likeness : std::uint8_t {
  none,
  attempt,   ///< some valid opcodes, then the bytes end or break: a damaged pickle, or chance
  certain,
};

/// Judges the stream at the reader's position.
Likeness likeness(ForwardReader& in);
/// The same over the input of a probe, which may be larger than its head.
Likeness likeness(const Probe& probe);

/// The first stream of PyTorch's legacy format, which has a scanner of its own.
bool is_torch_legacy(ByteView head) noexcept;
/// Roles under which the bytes are a pickle whatever they look like.
bool is_pickle_role(std::string_view role) noexcept;
/// Names that pickle.load, torch.load, joblib.load are called with.
bool has_pickle_name(const Probe& probe);
/// Names that hold pickles and nothing else.
bool has_pure_pickle_name(const Probe& probe);

}  // namespace modelaudit::formats::pickles
