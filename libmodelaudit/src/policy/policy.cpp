#include "modelaudit/policy.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "modelaudit/error.hpp"
#include "policy/selector.hpp"

namespace modelaudit {

namespace {

using policy::NamePattern;
using policy::Selector;

// Names of one finding that are repeated in its mark; the rest are counted.
constexpr std::size_t k_names_shown = 8;

struct SeverityChange {
  Selector rules;
  Severity severity;
};

/// A policy whose words have been read. Throws Error for the first that is not understood.
struct Compiled {
  explicit Compiled(const Policy& policy) : words(policy.suppress) {
    for (const std::string& word : policy.suppress) suppress.push_back(selector(word, "suppress"));
    for (const auto& [rule, word] : policy.severity) {
      const auto severity = policy::parse_severity(word);
      if (!severity) {
        throw Error(fmt::format("unknown severity '{}' for rule '{}': use critical, high, medium, warning, low or info",
                                word, rule));
      }
      changes.push_back({selector(rule, "severity"), *severity});
    }
    for (const std::string& word : policy.allow) {
      auto pattern = NamePattern::parse(word);
      if (!pattern) {
        throw Error(
            fmt::format("cannot allow '{}': write a dotted name such as package.module.Class, or "
                        "package.module.* for everything below a module",
                        word));
      }
      allow.push_back(std::move(*pattern));
    }
  }

  static Selector selector(const std::string& word, const char* purpose) {
    auto selector = Selector::parse(word);
    if (!selector) {
      throw Error(
          fmt::format("unknown rule '{}' in {}: use a rule id, an S-code or a range such as S200-S299; "
                      "'modelaudit rules' lists them",
                      word, purpose));
    }
    return std::move(*selector);
  }

  std::vector<std::string> words;  // as written, beside `suppress`
  std::vector<Selector> suppress;
  std::vector<SeverityChange> changes;
  std::vector<NamePattern> allow;
};

std::string allowed_mark(const std::vector<std::string>& names) {
  std::string mark = "allowed: ";
  for (std::size_t i = 0; i < names.size() && i < k_names_shown; ++i) {
    if (i != 0) mark += ", ";
    mark += names[i];
  }
  if (names.size() > k_names_shown) mark += fmt::format(" and {} more", names.size() - k_names_shown);
  return mark;
}

/// Takes allowed names off the finding; with the last of them it falls to what is left.
void allow_names(const std::vector<NamePattern>& allow, Finding& finding) {
  if (finding.uncleared.empty()) return;
  const auto is_allowed = [&](const std::string& name) {
    return std::any_of(allow.begin(), allow.end(), [&](const NamePattern& pattern) { return pattern.matches(name); });
  };
  const auto split = std::stable_partition(finding.uncleared.begin(), finding.uncleared.end(),
                                           [&](const std::string& name) { return !is_allowed(name); });
  const std::vector<std::string> allowed(split, finding.uncleared.end());
  finding.uncleared.erase(split, finding.uncleared.end());
  if (!finding.uncleared.empty()) return;
  if (finding.severity_if_allowed) {
    finding.severity = std::min(finding.severity, *finding.severity_if_allowed);
  } else {
    finding.suppressed_by = allowed_mark(allowed);
  }
}

void apply_compiled(const Compiled& policy, std::vector<Finding>& findings) {
  for (Finding& finding : findings) {
    const Rule* rule = find_rule(finding.rule);
    allow_names(policy.allow, finding);
    for (const SeverityChange& change : policy.changes) {
      if (change.rules.matches(finding.rule, rule)) finding.severity = change.severity;
    }
    for (std::size_t i = 0; i < policy.suppress.size() && finding.suppressed_by.empty(); ++i) {
      if (policy.suppress[i].matches(finding.rule, rule)) finding.suppressed_by = "suppress: " + policy.words[i];
    }
  }
}

}  // namespace

void validate(const Policy& policy) {
  (void)Compiled(policy);
}

void apply(const Policy& policy, ScanResult& result) {
  apply_to_findings(policy, result.findings);
}

void apply_to_findings(const Policy& policy, std::vector<Finding>& findings) {
  if (policy.empty() || findings.empty()) return;
  apply_compiled(Compiled(policy), findings);
}

}  // namespace modelaudit
