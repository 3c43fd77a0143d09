// modelaudit rules [RULE]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <modelaudit/rule.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "command.hpp"
#include "console.hpp"

namespace modelaudit::cli {

namespace {

using Json = nlohmann::ordered_json;
using Rules = std::vector<const Rule*>;

struct RulesWords {
  std::string rule;
  bool list = false;
  std::string category;
  std::string format = "table";
};

/// Number of an S-code, or 0.
unsigned code_number(std::string_view code) {
  unsigned number = 0;
  if (code.size() > 1 && (code[0] == 'S' || code[0] == 's'))
    std::from_chars(code.data() + 1, code.data() + code.size(), number);
  return number;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

/// "200-299" or "S200-S299" by code, else the family of the id: "pickle".
Rules of_category(const std::string& category) {
  Rules out;
  const auto dash = category.find('-');
  const auto bound = [](const std::string& word) {
    const std::string digits = word.starts_with('S') || word.starts_with('s') ? word.substr(1) : word;
    unsigned number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc{} && end == digits.data() + digits.size() ? number : 0;
  };
  const unsigned first = dash == std::string::npos ? 0 : bound(category.substr(0, dash));
  const unsigned last = dash == std::string::npos ? 0 : bound(category.substr(dash + 1));
  const std::string family = lower(category) + "-";
  for (const Rule* rule : builtin_rules()) {
    const unsigned number = code_number(rule->code);
    const bool in_range = first != 0 && number != 0 && first <= number && number <= last;
    if (in_range || rule->id.starts_with(family)) out.push_back(rule);
  }
  if (out.empty())
    throw UsageError("no rule in category '" + category +
                     "': write a range such as 200-299 or a family such as pickle");
  return out;
}

/// By id, or every rule with that S-code.
Rules named(const std::string& word) {
  const Rule* hit = find_rule(word);
  if (hit == nullptr) return {};
  if (lower(word) == hit->id) return {hit};
  Rules out;
  for (const Rule* rule : builtin_rules()) {
    if (rule->code == hit->code) out.push_back(rule);
  }
  return out;
}

Json as_json(const Rule& rule) {
  Json out = {{"id", rule.id},           {"code", rule.code.empty() ? Json(nullptr) : Json(rule.code)},
              {"name", rule.name},       {"severity", to_string(rule.severity)},
              {"description", rule.why}, {"advice", rule.advice}};
  out["references"] = rule.references;
  return out;
}

std::string padded(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

std::string as_table(const Rules& rules) {
  std::size_t widest = 4;
  for (const Rule* rule : rules) widest = std::max(widest, rule->id.size());
  std::string out = padded("Code", 6) + "  " + padded("Severity", 10) + "  " + padded("Rule", widest) + "  Name\n";
  out += std::string(6, '-') + "  " + std::string(10, '-') + "  " + std::string(widest, '-') + "  ----\n";
  for (const Rule* rule : rules) {
    out += padded(rule->code.empty() ? "-" : rule->code, 6) + "  " + padded(to_string(rule->severity), 10) + "  " +
           padded(rule->id, widest) + "  " + std::string(rule->name) + "\n";
  }
  return out;
}

std::string explained(const Rules& rules) {
  std::string out;
  for (const Rule* rule : rules) {
    if (!out.empty()) out += '\n';
    out += "Rule: " + std::string(rule->id) + "\n";
    if (!rule->code.empty()) out += "Code: " + std::string(rule->code) + "\n";
    out += "Name: " + std::string(rule->name) + "\nDefault Severity: " + to_string(rule->severity) + "\n";
    out += "Description: " + std::string(rule->why) + "\nWhat to do: " + std::string(rule->advice) + "\n";
    if (!rule->references.empty()) out += "References: " + std::string(rule->references) + "\n";
  }
  return out;
}

/// The rules page of the documentation.
std::string as_markdown(const Rules& rules) {
  std::string out =
      "# Rules\n\nWritten by `modelaudit rules --format markdown`. The code, where there is one, is an alias that\n"
      "`--suppress`, `--severity` and reports know too.\n";
  std::string_view family;
  for (const Rule* rule : rules) {
    const std::string_view own = rule->id.substr(0, rule->id.find('-'));
    if (own != family) out += "\n## " + std::string(own) + "\n";
    family = own;
    out += "\n### " + std::string(rule->id) + "\n\n" + std::string(rule->name) + ", " + to_string(rule->severity);
    if (!rule->code.empty()) out += ", " + std::string(rule->code);
    out += ".\n\n" + std::string(rule->why) + "\n\nWhat to do: " + std::string(rule->advice) + "\n";
    if (!rule->references.empty()) out += "\nReferences: " + std::string(rule->references) + "\n";
  }
  return out;
}

int run(const RulesWords& words) {
  const auto all = builtin_rules();
  Rules rules(all.begin(), all.end());
  const bool one = !words.rule.empty();
  if (one) {
    rules = named(words.rule);
    if (rules.empty()) {
      complain("Rule " + words.rule + " not found; 'modelaudit rules' lists them");
      return k_command_failed;
    }
  } else if (!words.category.empty()) {
    rules = of_category(words.category);
  }
  if (words.format == "json") {
    Json list = Json::array();
    for (const Rule* rule : rules) list.push_back(as_json(*rule));
    print((one && list.size() == 1 ? list[0] : list).dump(2) + "\n");
  } else if (words.format == "markdown") {
    print(as_markdown(rules));
  } else {
    print(one ? explained(rules) : as_table(rules));
  }
  return k_ok;
}

}  // namespace

Command add_rules(CLI::App& program) {
  CLI::App* app = program.add_subcommand("rules", "List the rules, or explain one");
  auto words = std::make_shared<RulesWords>();
  auto* rule = app->add_option("rule", words->rule, "Rule id or S-code to explain")->type_name("RULE");
  app->add_flag("--list", words->list, "List all rules (the default)")->excludes(rule);
  app->add_option("--category", words->category, "Only a range of codes (200-299) or a family (pickle)")
      ->type_name("A-B|FAMILY")
      ->excludes(rule);
  app->add_option("--format", words->format, "Form of the output")
      ->check(CLI::IsMember({"table", "json", "markdown"}))
      ->capture_default_str();
  return {app, [words] { return run(*words); }};
}

}  // namespace modelaudit::cli
