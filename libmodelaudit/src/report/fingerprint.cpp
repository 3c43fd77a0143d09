#include "report/fingerprint.hpp"

#include <limits>

#include "io/sha256.hpp"

namespace modelaudit::report {

namespace {

/// Stands for "no number": no offset in a file reaches it.
constexpr std::uint64_t k_none = std::numeric_limits<std::uint64_t>::max();

std::string hex_of(const Digest& digest, std::size_t digits) {
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string hex;
  for (std::size_t i = 0; i < digits / 2; ++i) {
    hex += k_digits[digest[i] >> 4];
    hex += k_digits[digest[i] & 15];
  }
  return hex;
}

}  // namespace

std::string fingerprint(const Finding& finding) {
  const std::string& path = finding.where.path;
  io::FieldHasher fields("modelaudit finding");
  fields.text(finding.rule).text(std::string_view(path).substr(path.find_last_of('/') + 1));
  fields.number(std::uint64_t{finding.where.members.size()});
  for (const std::string& member : finding.where.members) fields.text(member);
  fields.number(finding.where.offset.value_or(k_none)).number(std::uint64_t{finding.where.line.value_or(0)});
  fields.text(finding.message);
  for (const auto& [key, value] : finding.details) fields.text(key).text(value);
  return hex_of(fields.finish(), 32);
}

std::string ruleset_digest() {
  io::FieldHasher fields("modelaudit rules");
  for (const Rule* rule : builtin_rules()) fields.text(rule->id).text(to_string(rule->severity)).text(rule->code);
  return hex_of(fields.finish(), 16);
}

}  // namespace modelaudit::report
