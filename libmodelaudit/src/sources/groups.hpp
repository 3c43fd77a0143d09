#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace modelaudit::sources {

/// Sorts relative names into groups that have to be on the disk together because a scan of one may look at the others:
/// shards with their index, an ONNX model with its weights, a SavedModel with its variables. In doubt together. Each
/// group holds indices into `names`, in order; groups are in the order of their first member.
std::vector<std::vector<std::size_t>> model_groups(const std::vector<std::string_view>& names);

}  // namespace modelaudit::sources
