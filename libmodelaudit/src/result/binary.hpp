#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "modelaudit/cache.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit::result {

/// Longest binary form, in bytes: larger results are not kept.
constexpr std::uint64_t k_max_binary_size = std::uint64_t{16} << 20;

/// A result and its trace in cereal's portable binary form. Lossless. A Failure `limit` above k_max_binary_size.
Result<std::vector<std::byte>> to_binary(const ScanResult& result, const Trace& trace);

/// The inverse. Hostile bytes end in a Failure; no count or length is believed before it was compared with what is
/// left. With `shown_path`, the result is about that path instead of the one it was made for.
Result<TracedResult> from_binary(ByteView bytes, std::optional<std::string_view> shown_path = std::nullopt);

}  // namespace modelaudit::result
