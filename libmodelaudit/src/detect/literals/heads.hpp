/// @file
/// Is there a payload at the start of some bytes? By structure: magics alone are met by chance in weights.
#pragma once

#include <optional>

#include "detect/literals.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::detect {

/// A walk over the opcodes: a pickle to its STOP, or four opcodes and more with a well-formed global among them.
/// @param cut `data` is only the head of what there is: an operand may run past its end.
bool is_plausible_pickle(ByteView data, bool cut);

/// The payload that begins here, if any.
std::optional<PayloadKind> identify_payload(ByteView data, bool cut);

}  // namespace modelaudit::detect
