#include <algorithm>

#include "rules/catalogue.hpp"

namespace modelaudit {

namespace rules {
extern const Rule* const k_all[];
extern const unsigned k_count;
}  // namespace rules

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::span<const Rule* const> builtin_rules() noexcept { return {rules::k_all, rules::k_count}; }

const Rule* find_rule(std::string_view id_or_code) noexcept {
  const auto all = builtin_rules();
  const auto named = [id_or_code](const Rule* rule) { return equal_ignoring_case(rule->id, id_or_code); };
  if (const auto hit = std::find_if(all.begin(), all.end(), named); hit != all.end()) return *hit;
  const auto coded = [id_or_code](const Rule* rule) {
    return !rule->code.empty() && equal_ignoring_case(rule->code, id_or_code);
  };
  const auto hit = std::find_if(all.begin(), all.end(), coded);
  return hit == all.end() ? nullptr : *hit;
}

}  // namespace modelaudit
