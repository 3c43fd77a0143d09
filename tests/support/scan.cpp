#include "support/scan.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace modelaudit::test {
namespace {

const Auditor& plain_auditor() {
  static const Auditor auditor(plain_options());
  return auditor;
}

std::string place(const Location& where) {
  std::string text;
  for (const std::string& member : where.members) text += "!" + member;
  if (where.offset) text += "@" + std::to_string(*where.offset);
  return text;
}

}  // namespace

Options plain_options() {
  Options options;
  options.cache.enabled = false;
  options.threads = 1;
  return options;
}

ScanResult scan(std::span<const std::byte> bytes, std::string_view name) { return plain_auditor().scan_bytes(bytes, name); }

ScanResult scan(std::string_view bytes, std::string_view name) {
  return scan(std::as_bytes(std::span(bytes.data(), bytes.size())), name);
}

std::vector<std::string> rules_of(const ScanResult& result) {
  std::vector<std::string> ids;
  for (const Finding& finding : result.findings) ids.push_back(finding.rule);
  return ids;
}

bool has_rule(const ScanResult& result, std::string_view rule, Severity at_least) {
  return std::any_of(result.findings.begin(), result.findings.end(),
                     [&](const Finding& f) { return f.rule == rule && f.severity >= at_least; });
}

std::string describe(const ScanResult& result) {
  std::string text = result.path + ": " + to_string(result.verdict()) + (result.complete() ? "" : ", incomplete") + "\n";
  for (const Finding& f : result.findings) {
    text += std::string("  ") + to_string(f.severity) + " " + f.rule + place(f.where) + ": " + f.message + "\n";
    for (const auto& [key, value] : f.details) text += "    " + key + "=" + value + "\n";
    for (const std::string& name : f.uncleared) text += "    uncleared " + name + "\n";
  }
  for (const Gap& gap : result.coverage.gaps) {
    text += std::string("  gap ") + to_string(gap.kind) + place(gap.where) + ": " + gap.what + "\n";
  }
  for (const Asset& asset : result.assets) text += "  asset " + asset.format + place({{}, asset.members, {}, {}, {}}) + "\n";
  return text;
}

void check_ladder(std::span<const std::byte> bytes, std::string_view name) {
  constexpr std::size_t k_most = 1500;
  const std::size_t stride = bytes.size() / k_most + 1;
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  for (std::size_t n = 0; n < bytes.size(); n += stride) {
    const ScanResult once = scan(bytes.first(n), name);
    if (once != scan(bytes.first(n), name)) FAIL("two results for the first " << n << " bytes of " << name);
    if (n == 0) CHECK(once.verdict() == Verdict::inconclusive);
  }
  for (std::size_t i = 0; i < bytes.size(); i += stride) {
    for (const std::byte flip : {std::byte{0xff}, std::byte{0x01}, std::byte{0x80}}) {
      copy[i] ^= flip;
      const ScanResult once = scan(copy, name);
      if (once != scan(copy, name)) FAIL("two results for byte " << i << " of " << name << " flipped");
      copy[i] ^= flip;
    }
  }
}

}  // namespace modelaudit::test
