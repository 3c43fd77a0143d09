/// @file
/// The exceptions of the public surface.
#pragma once

#include <stdexcept>
#include <string>

#include "modelaudit/export.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit {

/// The caller's own mistake: an option that contradicts another, an unusable cache folder that was asked for.
/// Nothing in the content of an input ever throws this.
class MODELAUDIT_EXPORT Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~Error() override;
};

/// Malformed input inside a parser body. A scanner may let it escape: the engine catches it at the boundary of one
/// input (file, member, nested stream) and records a gap at that offset. Findings made before are kept.
class MODELAUDIT_EXPORT Malformed : public std::runtime_error {
 public:
  explicit Malformed(Failure failure);
  ~Malformed() override;

  const Failure& failure() const noexcept { return failure_; }

 private:
  Failure failure_;
};

/// Throws Malformed; one place, so that hot parsers stay small.
[[noreturn]] MODELAUDIT_EXPORT void throw_malformed(Errc code, std::uint64_t offset, const char* what);

}  // namespace modelaudit
