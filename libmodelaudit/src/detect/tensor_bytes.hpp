/// @file
/// A glance at bytes that are declared to be a tensor.
#pragma once

#include <functional>
#include <memory>

#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::detect {

/// Could the first bytes of a tensor be something that runs or that holds it: a program, an archive, a pickle that
/// imports? Random weights never pass: each answer but an archive's long magic is confirmed by structure.
///
/// @param start  the first bytes, 64 are enough
/// @param more   opens the same data from its start; called only where the first bytes do not suffice
bool is_more_than_weights(ScanContext& context, ByteView start, const std::function<std::unique_ptr<ForwardReader>()>& more);

}  // namespace modelaudit::detect
