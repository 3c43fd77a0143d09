/// @file
/// Looks for streams in bytes that are none: behind an error, in a gap, in front of the first one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "modelaudit/scanner.hpp"

namespace modelaudit::formats::pickles {

/// A place where a stream begins that imports something.
struct Hit {
  std::uint64_t offset = 0;
  bool is_bare = false;         ///< no stream, but an INST or GLOBAL of a dangerous name in the middle of other bytes
  std::string module, name;     ///< of a bare one
};

/// Searches from the reader's position, at most `limit` bytes; the reader ends up behind what was searched, or on the hit.
/// Weights contain the two bytes of PROTO by chance, so a hit has four valid opcodes and a well-formed global at least.
std::optional<Hit> find_stream(ForwardReader& in, std::uint64_t limit, Budget& budget);

}  // namespace modelaudit::formats::pickles
