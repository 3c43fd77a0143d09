// The policy file. Its grammar is small on purpose: whatever is not understood is refused, so that a misspelt key never
// means that a suppression silently fails to apply, or applies to more than was meant.
#include <fmt/format.h>

#include <toml++/toml.h>

#include "modelaudit/error.hpp"
#include "modelaudit/policy.hpp"

namespace modelaudit {

namespace {

constexpr std::size_t k_max_bytes = std::size_t{1} << 20;

[[noreturn]] void refuse(std::string_view file, const toml::node& node, const std::string& why) {
  throw Error(fmt::format("{}:{}: {}", file, node.source().begin.line, why));
}

std::vector<std::string> words_of(std::string_view file, std::string_view key, const toml::node& node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) refuse(file, node, fmt::format("'{}' must be a list of texts", key));
  std::vector<std::string> words;
  for (const toml::node& item : *list) {
    const auto word = item.value_exact<std::string>();
    if (!word) refuse(file, item, fmt::format("'{}' must hold texts only", key));
    words.push_back(*word);
  }
  return words;
}

std::vector<std::pair<std::string, std::string>> severities_of(std::string_view file, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) refuse(file, node, "'severity' must be a table of RULE = \"level\"");
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [rule, level] : *table) {
    const auto word = level.value_exact<std::string>();
    if (!word) refuse(file, level, fmt::format("the severity of '{}' must be a text such as \"low\"", rule.str()));
    out.emplace_back(rule.str(), *word);
  }
  return out;
}

/// The table that is ours: [tool.modelaudit] of a pyproject.toml, else the whole file.
const toml::table* our_table(const toml::table& root, std::string_view file) {
  if (!file.ends_with("pyproject.toml")) return &root;
  return root["tool"]["modelaudit"].as_table();
}

toml::table parse_toml(std::string_view text, std::string_view file) {
  if (text.size() > k_max_bytes) throw Error(fmt::format("{}: a policy file is at most 1 MiB", file));
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("{}:{}: not TOML: {}", file, error.source().begin.line, error.description()));
  }
}

}  // namespace

Policy parse_policy(std::string_view toml, std::string_view file_name) {
  const toml::table root = parse_toml(toml, file_name);
  Policy policy;
  const toml::table* ours = our_table(root, file_name);
  if (ours == nullptr) return policy;
  for (const auto& [key, value] : *ours) {
    if (key == "suppress") {
      policy.suppress = words_of(file_name, key, value);
    } else if (key == "allow") {
      policy.allow = words_of(file_name, key, value);
    } else if (key == "severity") {
      policy.severity = severities_of(file_name, value);
    } else {
      refuse(file_name, value, fmt::format("unknown key '{}': a policy has suppress, allow and severity", key.str()));
    }
  }
  try {
    validate(policy);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", file_name, error.what()));
  }
  return policy;
}

}  // namespace modelaudit
