// modelaudit doctor: what this build is and what it can do here.
#include <CLI/CLI.hpp>
#include <memory>
#include <modelaudit/auditor.hpp>
#include <modelaudit/cache.hpp>
#include <modelaudit/report.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "command.hpp"
#include "console.hpp"

namespace modelaudit::cli {

namespace {

using Json = nlohmann::ordered_json;

Json facts() {
  const Auditor auditor;
  Json scanners = Json::array();
  for (const auto& scanner : auditor.registry().all()) scanners.push_back(scanner->info().id);
  Json cache = {{"enabled", auditor.cache() != nullptr}};
  if (auditor.cache() != nullptr) cache["directory"] = auditor.cache()->directory().string();
  if (!auditor.cache_warning().empty()) cache["why_not"] = auditor.cache_warning();
  return {{"version", library_version()},
          {"build", {{"compiler", "g++ " __VERSION__}, {"c++", __cplusplus}, {"type", MODELAUDIT_BUILD_TYPE}}},
          {"rules", builtin_rules().size()},
          {"scanners", {{"total", scanners.size()}, {"available", std::move(scanners)}}},
          {"cache", std::move(cache)}};
}

std::string as_text(const Json& all) {
  const auto text = [](const Json& value) { return value.get<std::string>(); };
  std::string out = "modelaudit " + text(all["version"]) + "\n";
  out += "Built with " + text(all["build"]["compiler"]) + ", " + text(all["build"]["type"]) + "\n";
  out += "Rules: " + std::to_string(all["rules"].get<std::size_t>()) + "\n";
  out += "Scanners: " + std::to_string(all["scanners"]["total"].get<std::size_t>()) + ", all available\n";
  for (const Json& id : all["scanners"]["available"]) out += "  " + text(id) + "\n";
  const Json& cache = all["cache"];
  if (cache["enabled"].get<bool>()) return out + "Cache: " + escape_for_terminal(text(cache["directory"])) + "\n";
  return out + "Cache: off" +
         (cache.contains("why_not") ? " (" + escape_for_terminal(text(cache["why_not"])) + ")" : "") + "\n";
}

}  // namespace

Command add_doctor(CLI::App& program) {
  CLI::App* app = program.add_subcommand("doctor", "Show what this build can do here");
  auto format = std::make_shared<std::string>("text");
  app->add_option("-f,--format", *format, "Form of the output")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  return {app, [format] {
            const Json all = facts();
            print(*format == "json" ? all.dump(2, ' ', true, Json::error_handler_t::replace) + "\n" : as_text(all));
            return k_ok;
          }};
}

}  // namespace modelaudit::cli
