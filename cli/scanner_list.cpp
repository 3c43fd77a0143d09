#include "scanner_list.hpp"

#include <algorithm>
#include <modelaudit/scanner.hpp>
#include <nlohmann/json.hpp>

namespace modelaudit::cli {

std::string scanners_as_text() {
  const ScannerRegistry registry = ScannerRegistry::builtin();
  std::size_t widest = 0;
  for (const auto& scanner : registry.all()) widest = std::max(widest, scanner->info().id.size());
  std::string out;
  for (const auto& scanner : registry.all()) {
    const ScannerInfo& info = scanner->info();
    out += info.id + std::string(widest + 2 - info.id.size(), ' ') + info.description;
    std::string extensions;
    for (const std::string& extension : info.extensions) extensions += (extensions.empty() ? "" : " ") + extension;
    if (!extensions.empty()) out += " (" + extensions + ")";
    out += '\n';
  }
  return out;
}

std::string scanners_as_json() {
  const ScannerRegistry registry = ScannerRegistry::builtin();
  auto list = nlohmann::ordered_json::array();
  for (const auto& scanner : registry.all()) {
    const ScannerInfo& info = scanner->info();
    list.push_back({{"id", info.id},
                    {"version", info.version},
                    {"description", info.description},
                    {"extensions", info.extensions}});
  }
  return nlohmann::ordered_json({{"scanners", std::move(list)}}).dump(2) + "\n";
}

}  // namespace modelaudit::cli
