#pragma once

#include <string>
#include <utility>
#include <vector>

#include "io/sha256.hpp"
#include "modelaudit/budget.hpp"

namespace modelaudit {
struct Options;
class ScannerRegistry;
}  // namespace modelaudit

namespace modelaudit::cache {

/// Everything but the file that a result depends on. A new member here changes every key.
struct FingerprintInputs {
  std::string producer;  ///< library version and build; the build covers all data tables
  Digest rules{};        ///< ids and severities of the catalogue
  std::vector<std::pair<std::string, std::uint32_t>> scanners;  ///< (id, version), in the registry's order
  Limits limits;         ///< all but `time`
  bool deep = false;
};

FingerprintInputs fingerprint_inputs(const Options& options, const ScannerRegistry& registry);
Digest fingerprint_of(const FingerprintInputs& inputs);

}  // namespace modelaudit::cache
