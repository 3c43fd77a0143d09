#include "policy/selector.hpp"

#include <algorithm>
#include <charconv>

namespace modelaudit::policy {

namespace {

/// Numbers of the S-codes in use by the tool whose codes we share as aliases, so that its users' command lines keep
/// working where no rule of ours carries a code.
struct CodeRange {
  std::uint32_t first;
  std::uint32_t last;
};
constexpr CodeRange k_known_codes[] = {{101, 110}, {115, 115}, {201, 214},   {301, 310},  {401, 410},
                                       {501, 510}, {601, 607}, {609, 610},   {701, 710},  {801, 810},
                                       {901, 908}, {999, 999}, {1001, 1010}, {1101, 1111}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// The number of a code such as "S201".
std::optional<std::uint32_t> code_number(std::string_view word) noexcept {
  if (word.size() < 2 || word.size() > 6 || (word[0] != 'S' && word[0] != 's')) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return number;
}

bool holds_a_code(std::uint32_t first, std::uint32_t last) noexcept {
  const auto overlaps = [=](const CodeRange& known) { return known.first <= last && first <= known.last; };
  if (std::any_of(std::begin(k_known_codes), std::end(k_known_codes), overlaps)) return true;
  const auto rules = builtin_rules();
  return std::any_of(rules.begin(), rules.end(), [=](const Rule* rule) {
    const auto number = code_number(rule->code);
    return number && first <= *number && *number <= last;
  });
}

}  // namespace

std::optional<Selector> Selector::parse(std::string_view word) {
  Selector out;
  const auto dash = word.find('-');
  const auto first = code_number(word.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : code_number(word.substr(dash + 1));
  if (first && last) {
    if (*first > *last || !holds_a_code(*first, *last)) return std::nullopt;
    out.first_ = *first;
    out.last_ = *last;
    return out;
  }
  const Rule* rule = find_rule(word);
  if (rule == nullptr) return std::nullopt;
  out.id_ = lower(rule->id);
  return out;
}

bool Selector::matches(std::string_view rule_id, const Rule* rule) const noexcept {
  if (!id_.empty()) return rule_id == id_;
  const auto number = rule == nullptr ? std::nullopt : code_number(rule->code);
  return number && first_ <= *number && *number <= last_;
}

std::optional<Severity> parse_severity(std::string_view word) noexcept {
  static constexpr std::pair<std::string_view, Severity> k_words[] = {
      {"critical", Severity::critical}, {"high", Severity::critical}, {"medium", Severity::warning},
      {"warning", Severity::warning},   {"low", Severity::info},      {"info", Severity::info}};
  const std::string wanted = lower(word.substr(0, 16));
  for (const auto& [name, severity] : k_words) {
    if (wanted == name) return severity;
  }
  return std::nullopt;
}

std::optional<NamePattern> NamePattern::parse(std::string_view word) {
  NamePattern out;
  if (word.ends_with(".*")) {
    out.below_ = true;
    word.remove_suffix(2);
  }
  bool part_is_empty = true;
  for (const char c : word) {
    const bool dot = c == '.';
    if (dot && part_is_empty) return std::nullopt;
    if (c == '*' || static_cast<unsigned char>(c) <= ' ' || c == '\x7F') return std::nullopt;
    part_is_empty = dot;
  }
  if (part_is_empty) return std::nullopt;
  if (!out.below_ && word.find('.') == std::string_view::npos) return std::nullopt;
  out.text_ = word;
  if (out.below_) out.text_ += '.';
  return out;
}

bool NamePattern::matches(std::string_view name) const noexcept {
  return below_ ? name.size() > text_.size() && name.starts_with(text_) : name == text_;
}

}  // namespace modelaudit::policy
