#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/auditor.hpp"

namespace modelaudit::test {

/// Options for tests: no cache.
Options plain_options();

/// Scans bytes with every built-in scanner and no cache.
ScanResult scan(std::span<const std::byte> bytes, std::string_view name);
ScanResult scan(std::string_view bytes, std::string_view name);

/// The rule ids of a result's findings, in order.
std::vector<std::string> rules_of(const ScanResult& result);

/// True when a finding of that rule (and at least that severity) is there.
bool has_rule(const ScanResult& result, std::string_view rule, Severity at_least = Severity::debug);

/// Verdict, completeness, findings and gaps as text, for messages of failing tests.
std::string describe(const ScanResult& result);

/// Scans every prefix of `bytes` and every copy with one byte flipped, and checks that each scan ends with a result
/// that repeats; the caller looks at what must hold beyond that. Long inputs are sampled at a fixed stride.
void check_ladder(std::span<const std::byte> bytes, std::string_view name);

}  // namespace modelaudit::test
