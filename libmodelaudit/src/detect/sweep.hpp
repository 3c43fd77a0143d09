/// @file
/// The search for executables and scripts in bytes that no format explains.
#pragma once

#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::detect {

/// Reports every executable inside `bytes` (full structural confirmation) and a script at its start.
///
/// For inputs that no scanner recognised, slack between declared parts, trailing bytes, and weights under --deep.
/// One pass at the speed of memory. Does not cover the bytes: that is the caller's judgement.
void sweep(ScanContext& context, ByteView bytes);

}  // namespace modelaudit::detect
