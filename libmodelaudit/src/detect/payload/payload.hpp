/// @file
/// What lies where weights are declared, or in bytes that no tensor owns. Shared by the formats of numeric data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelaudit/bytes.hpp"
#include "modelaudit/rule.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::detect {

/// Bytes that may_start_payload() wants to see: one page is touched, whatever the region's size.
inline constexpr std::uint64_t k_payload_prefix = 64;
/// Bytes that identify_payload() wants to see, once the prefix looks like something.
inline constexpr std::uint64_t k_payload_window = std::uint64_t{64} << 10;

/// Could a region that starts so hold something else than numbers? Compares magics; false for nearly all weights.
bool may_start_payload(ByteView prefix) noexcept;

/// What a region holds instead of numbers, confirmed by structure: "ELF", "ZIP archive", "pickle" …; nothing for
/// numbers that merely begin like it.
std::optional<std::string_view> identify_payload(ByteView window);

/// Looks at the start of a declared weight region. A confirmed payload is reported under `rule` and scanned as a child
/// called `name`.
void look_at_weights(ScanContext& context, ByteRange region, const Rule& rule, std::string_view name);

/// What an undeclared region turned out to be.
struct HiddenBytes {
  bool zero = false;      ///< nothing but zero bytes
  ChildOutcome outcome;   ///< of scanning it as a child; untouched for zeros

  /// A severity that starts at `inert` and rises with what was found inside.
  Severity severity(Severity inert) const noexcept;
};

/// Examines bytes that no declared object owns: a hole between tensors, bytes after the last one. Covers them.
HiddenBytes examine_hidden(ScanContext& context, ByteRange region, std::string_view name);

}  // namespace modelaudit::detect
