#include <algorithm>
#include <cctype>

#include "modelaudit/error.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit {

namespace engine {
extern const Scanner& (*const k_builtin_scanners[])();
extern const unsigned k_builtin_scanner_count;
}  // namespace engine

namespace {

bool is_kebab_case(std::string_view id) noexcept {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !id.empty() && std::all_of(id.begin(), id.end(), plain);
}

std::string known_ids(const std::vector<std::shared_ptr<const Scanner>>& scanners) {
  std::string text;
  for (const auto& scanner : scanners) text += (text.empty() ? "" : ", ") + scanner->info().id;
  return text;
}

}  // namespace

ScannerRegistry ScannerRegistry::builtin() {
  ScannerRegistry registry;
  for (unsigned i = 0; i < engine::k_builtin_scanner_count; ++i) {
    // Built-in scanners are static: nothing to own.
    const Scanner& scanner = engine::k_builtin_scanners[i]();
    registry.scanners_.emplace_back(std::shared_ptr<const Scanner>(), &scanner);
  }
  const auto by_id = [](const auto& a, const auto& b) { return a->info().id < b->info().id; };
  std::sort(registry.scanners_.begin(), registry.scanners_.end(), by_id);
  return registry;
}

void ScannerRegistry::add(std::shared_ptr<const Scanner> scanner) {
  if (!scanner) throw Error("a scanner must not be null");
  const std::string& id = scanner->info().id;
  if (!is_kebab_case(id)) throw Error("a scanner's id is lower-case letters, digits and dashes: '" + id + "'");
  if (find(id) != nullptr) throw Error("there is a scanner called '" + id + "' already");
  const auto after = [](const std::string& value, const auto& other) { return value < other->info().id; };
  scanners_.insert(std::upper_bound(scanners_.begin(), scanners_.end(), id, after), std::move(scanner));
}

void ScannerRegistry::select(const std::vector<std::string>& only, const std::vector<std::string>& excluded) {
  for (const auto* list : {&only, &excluded}) {
    for (const std::string& id : *list) {
      if (find(id) == nullptr) throw Error("there is no scanner called '" + id + "'; known are: " + known_ids(scanners_));
    }
  }
  const auto listed = [](const std::vector<std::string>& ids, const std::string& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  std::erase_if(scanners_, [&](const auto& scanner) {
    const std::string& id = scanner->info().id;
    return (!only.empty() && !listed(only, id)) || listed(excluded, id);
  });
}

const Scanner* ScannerRegistry::find(std::string_view id) const noexcept {
  for (const auto& scanner : scanners_) {
    if (scanner->info().id == id) return scanner.get();
  }
  return nullptr;
}

}  // namespace modelaudit
