#include "report/fingerprint.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

namespace modelaudit::report {

namespace {

/// Fields with their lengths before them, so that no two lists of fields give the same bytes.
void add_field(std::string& out, std::string_view field) {
  fmt::format_to(std::back_inserter(out), "{}:", field.size());
  out += field;
}

std::string digest_of(const std::string& bytes, std::size_t digits) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string hex;
  for (std::size_t i = 0; i < digits / 2; ++i) fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
  return hex;
}

std::string number(const std::optional<std::uint64_t>& value) { return value ? std::to_string(*value) : ""; }

}  // namespace

std::string fingerprint(const Finding& finding) {
  const std::string& path = finding.where.path;
  std::string fields;
  add_field(fields, finding.rule);
  add_field(fields, std::string_view(path).substr(path.find_last_of('/') + 1));
  for (const std::string& member : finding.where.members) add_field(fields, member);
  add_field(fields, number(finding.where.offset));
  add_field(fields, number(finding.where.line));
  add_field(fields, finding.message);
  for (const auto& [key, value] : finding.details) {
    add_field(fields, key);
    add_field(fields, value);
  }
  return digest_of(fields, 32);
}

std::string ruleset_digest() {
  std::string fields;
  for (const Rule* rule : builtin_rules()) {
    add_field(fields, rule->id);
    add_field(fields, to_string(rule->severity));
    add_field(fields, rule->code);
  }
  return digest_of(fields, 16);
}

}  // namespace modelaudit::report
