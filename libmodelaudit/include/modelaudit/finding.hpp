/// @file
/// Findings, gaps and places: the vocabulary of a result. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modelaudit/export.hpp"
#include "modelaudit/rule.hpp"

namespace modelaudit {

/// A place inside a target.
struct Location {
  std::string path;                     ///< top-level file as the caller named it; filled in by the engine
  std::vector<std::string> members;     ///< logical names, outermost first: archive member, nested stream, template
  std::optional<std::uint64_t> offset;  ///< in the innermost member, from its start, in bytes
  std::optional<std::uint64_t> length;  ///< bytes
  std::optional<std::uint32_t> line;    ///< 1-based, for text

  bool operator==(const Location&) const = default;
};

/// Evidence as ordered key/value pairs. Values are raw; the reports escape them.
using Details = std::vector<std::pair<std::string, std::string>>;

/// One thing that was seen, under a rule of the catalogue.
struct Finding {
  std::string rule;                       ///< Rule::id
  Severity severity = Severity::warning;
  std::string message;                    ///< one sentence for a person
  Location where;
  Details details;
  /// Names ("module.name") that nobody could clear and that this finding rests on; a policy may allow them.
  std::vector<std::string> uncleared;
  /// The severity that is left once all of `uncleared` are allowed; nothing: the finding goes away.
  std::optional<Severity> severity_if_allowed;
  /// Set by a policy, after the facts: why this finding no longer counts. Empty: it counts.
  std::string suppressed_by;

  Finding() = default;
  /// A finding with the rule's default severity.
  Finding(const Rule& from, std::string text, Location place = {}, Details evidence = {})
      : rule(from.id), severity(from.severity), message(std::move(text)), where(std::move(place)), details(std::move(evidence)) {}

  bool operator==(const Finding&) const = default;
};

/// Why a part of the input was not examined. Written to disk: never renumbered.
enum class GapKind : std::uint8_t {
  truncated = 1,
  corrupt = 2,
  encrypted = 3,
  unsupported = 4,    ///< recognised, but not readable by this version
  limit = 5,          ///< a budget was used up
  io_error = 6,
  changed = 7,        ///< the file changed while it was scanned
  timed_out = 8,
  cancelled = 9,
  unrecognised = 10,  ///< nothing here was understood
  unexamined = 11,    ///< bytes that no scanner interpreted
  empty = 12,         ///< zero bytes where a model was expected
  missing = 13,       ///< a file that belongs to the model is not there
};

MODELAUDIT_EXPORT const char* to_string(GapKind kind) noexcept;

/// A part of the input that was not examined: it makes the verdict inconclusive.
struct Gap {
  GapKind kind = GapKind::corrupt;
  std::string what;  ///< one lower-case clause: "gguf: string longer than the file"
  Location where;

  bool operator==(const Gap&) const = default;
};

}  // namespace modelaudit
