#include "report/place.hpp"

namespace modelaudit::report {

std::string location_text(const Location& where) {
  std::string out = where.path;
  for (const std::string& member : where.members) {
    out += ':';
    out += member;
  }
  if (where.line) {
    out += " (line " + std::to_string(*where.line) + ")";
  } else if (where.offset) {
    out += " (pos " + std::to_string(*where.offset) + ")";
  }
  return out;
}

std::string_view family_of(std::string_view rule_id) noexcept {
  return rule_id.substr(0, rule_id.find('-'));
}

}  // namespace modelaudit::report
