/// @file
/// How the ZIP reader gets at its input.
#pragma once

#include <cstdint>
#include <functional>

#include "modelaudit/bytes.hpp"

namespace modelaudit::wire::zip {

/// An input of known size, read by ranges. A probe, a scan context or a buffer stand behind it; only what is asked for
/// is touched, so that an archive of any size costs its directory and its local headers.
struct Source {
  std::uint64_t size = 0;
  /// The range, cut to what is there. Views stay valid as long as the source does.
  std::function<ByteView(std::uint64_t offset, std::uint64_t length)> bytes;
  /// Called between steps of long sweeps; may throw to end them. May be empty.
  std::function<void()> checkpoint = {};
};

}  // namespace modelaudit::wire::zip
