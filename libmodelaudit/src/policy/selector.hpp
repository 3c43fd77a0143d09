/// @file
/// The words of a policy as values: which rules, which severity, which names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelaudit/rule.hpp"

namespace modelaudit::policy {

/// Which rules a word means: a rule id, an S-code ("S201") or a range of S-codes ("S200-S299").
class Selector {
 public:
  /// Nothing when `word` is no rule, no known code and no range that holds one. Case does not matter.
  static std::optional<Selector> parse(std::string_view word);

  /// `rule` is the catalogue's row for the finding's rule id, or nullptr for a host's own rule.
  bool matches(std::string_view rule_id, const Rule* rule) const noexcept;

 private:
  std::string id_;           ///< lower case; empty when this is a range of codes
  std::uint32_t first_ = 0;  ///< first and last number of the codes
  std::uint32_t last_ = 0;
};

/// critical and high are critical; medium and warning are warning; low and info are info. Case does not matter.
std::optional<Severity> parse_severity(std::string_view word) noexcept;

/// A name that the user vouches for: "package.module.Class", or "package.module.*" for everything below.
class NamePattern {
 public:
  /// Nothing when `word` is not of that form; "*" alone is refused.
  static std::optional<NamePattern> parse(std::string_view word);

  bool matches(std::string_view name) const noexcept;

 private:
  std::string text_;  ///< the whole name, or with its last dot when everything below is meant
  bool below_ = false;
};

}  // namespace modelaudit::policy
