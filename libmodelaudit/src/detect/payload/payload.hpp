/// @file
/// What lies where weights are declared, or in bytes that no tensor owns. Shared by the formats of numeric data.
#pragma once

#include <cstdint>
#include <string_view>

#include "detect/literals.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/rule.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::detect {

/// Looks at the start of a declared weight region. A confirmed payload is reported under `rule` and scanned as a child
/// called `name`.
void look_at_weights(ScanContext& context, ByteRange region, const Rule& rule, std::string_view name);

/// Covers a weight region whose bounds were checked: declared, or swept for programs under --deep.
void declare_weights(ScanContext& context, ByteRange region);

/// Payloads under encodings in metadata text: a pickle or program in base64. Nobody loads them from there by itself, so
/// what is inside counts as a warning at most.
class TextPayloads {
 public:
  explicit TextPayloads(ScanContext& context) : context_(context) {}
  /// Scans what hides in `text`, mostly nothing; costs nanoseconds then. `name` is the key that holds it.
  void scan(ByteView text, std::string_view name);

 private:
  ScanContext& context_;
  LiteralDecoder decoder_;
  bool told_limit_ = false;
};

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
