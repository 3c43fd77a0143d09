#include "formats/zip/compare.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <zlib.h>

#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats::zip_archive {

namespace {

using wire::zip::CentralHeader;
using wire::zip::Entry;
using wire::zip::LocalHeader;

constexpr std::uint16_t k_extra_unicode_path = 0x7075;
constexpr std::uint16_t k_extra_aes = 0x9901;
constexpr std::uint16_t k_hiding_flags = wire::zip::k_flag_encrypted | wire::zip::k_flag_patched |
                                         wire::zip::k_flag_strong | wire::zip::k_flag_masked;

std::uint32_t crc_of(std::string_view text) {
  uLong crc = crc32_z(0, nullptr, 0);
  for (const char c : text) {
    const auto byte = static_cast<Bytef>(c);
    crc = crc32_z(crc, &byte, 1);
  }
  return static_cast<std::uint32_t>(crc);
}

detect::NameCharset charset_of(std::uint16_t flags) {
  return (flags & wire::zip::k_flag_utf8) != 0 ? detect::NameCharset::utf8 : detect::NameCharset::cp437;
}

/// Unicode path, 4.6.9: version:1, crc of the header's name:4, UTF-8. Void when the crc is not the name's.
std::optional<std::string_view> unicode_path(ByteView extra, std::string_view name) {
  const auto body = wire::zip::find_extra(extra, k_extra_unicode_path);
  if (!body || body->size() < 5 || (*body)[0] != 1) return std::nullopt;
  if (body->le<std::uint32_t>(1) != crc_of(name)) return std::nullopt;
  return body->from(5).text();
}

std::string decimal(std::uint64_t value) { return std::to_string(value); }

Finding mismatch(const Rule& rule, std::string what, std::string central, std::string local, const Location& where) {
  return Finding(rule, std::move(what), where,
                 {{"directory", std::move(central)}, {"local_header", std::move(local)}});
}

void compare_sizes(const CentralHeader& central, const LocalHeader& local, const Location& where, std::vector<Finding>& out) {
  const bool is_left_out = local.is_streamed() && local.sizes == wire::zip::Sizes{};
  if (!is_left_out && !(central.sizes == local.sizes)) {
    const auto both = [](const wire::zip::Sizes& s) { return decimal(s.compressed) + " compressed, " + decimal(s.plain) + " plain"; };
    out.push_back(mismatch(rules::zip_size_mismatch, "The directory and the local header declare different sizes",
                           both(central.sizes), both(local.sizes), where));
  }
}

}  // namespace

MemberNames names_of(const Entry& entry) {
  MemberNames names;
  const std::uint16_t flags = entry.central ? entry.central->flags : entry.local ? entry.local->flags : std::uint16_t{0};
  names.shown = std::string(entry.name().text());
  names.judged = detect::judge_member_name(names.shown, charset_of(flags));
  names.is_folder = names.shown.ends_with('/') || names.shown.ends_with('\\') ||
                    (entry.central && (entry.central->attributes & 0x10) != 0);  // DOS folder bit
  if (entry.central && entry.local && entry.local->name.text() != names.shown) {
    names.local = detect::judge_member_name(entry.local->name.text(), charset_of(entry.local->flags));
  }
  for (const ByteView extra : {entry.central ? entry.central->extra : ByteView(), entry.local ? entry.local->extra : ByteView()}) {
    const auto path = unicode_path(extra, names.shown);
    if (!path || names.unicode) continue;
    auto judged = detect::judge_member_name(*path, detect::NameCharset::utf8);
    const bool is_ascii = std::all_of(names.shown.begin(), names.shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    // A name outside ASCII is what the field is for; an ASCII name needs none, so that another one renames the member.
    const bool same_kind = detect::lower_extension(judged.normalised) == detect::lower_extension(names.judged.normalised);
    if (judged.normalised != names.judged.normalised && (is_ascii || !same_kind)) names.unicode = std::move(judged);
  }
  return names;
}

bool differs_in_kind(const detect::NameJudgement& a, const detect::NameJudgement& b) {
  const auto kind = [](const detect::NameJudgement& name) {
    static constexpr std::array<std::string_view, 11> k_pickles = {".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth",
                                                                   ".ckpt", ".p", ".npy", ".debug_pkl", ".sav"};
    static constexpr std::array<std::string_view, 9> k_code = {".py", ".pyc", ".so", ".dll", ".exe", ".sh", ".bat", ".ps1", ".pyd"};
    const std::string extension = detect::lower_extension(name.normalised);
    if (std::find(k_pickles.begin(), k_pickles.end(), extension) != k_pickles.end()) return 1;
    return std::find(k_code.begin(), k_code.end(), extension) != k_code.end() ? 2 : 0;
  };
  return kind(a) != kind(b);
}

std::vector<Finding> compare_headers(const Entry& entry, const MemberNames& names) {
  std::vector<Finding> findings;
  const Location where = ScanContext::at(entry.order());
  if (names.unicode) {
    findings.emplace_back(rules::zip_unicode_path, "An extra field renames the member", where,
                          Details{{"header", names.judged.display}, {"extra_field", names.unicode->display}});
  }
  const auto contradicts = [&](const auto& header) { return header && header->also_sizes; };
  if (contradicts(entry.central) || contradicts(entry.local)) {
    const auto& sizes = entry.central && entry.central->also_sizes ? *entry.central->also_sizes : *entry.local->also_sizes;
    findings.emplace_back(rules::zip_zip64_lie, "A ZIP64 field contradicts sizes that are in use", where,
                          Details{{"name", names.judged.display}, {"zip64_compressed", decimal(sizes.compressed)}});
  }
  if (!entry.central || !entry.local) return findings;
  const CentralHeader& central = *entry.central;
  const LocalHeader& local = *entry.local;
  if (names.local) {
    Finding finding = mismatch(rules::zip_name_mismatch, "The directory and the local header give the member different names",
                               names.judged.display, names.local->display, where);
    if (names.local->normalised == names.judged.normalised) finding.severity = Severity::info;  // charset or separators
    if (differs_in_kind(names.judged, *names.local)) finding.severity = Severity::critical;
    findings.push_back(std::move(finding));
  }
  if (((central.flags ^ local.flags) & k_hiding_flags) != 0) {
    findings.push_back(mismatch(rules::zip_flag_mismatch, "The headers disagree on whether the member is encrypted or patched",
                                decimal(central.flags), decimal(local.flags), where));
  }
  if (central.method != local.method) {
    findings.push_back(mismatch(rules::zip_method_mismatch, "The headers name different compression methods",
                                decimal(central.method), decimal(local.method), where));
  }
  compare_sizes(central, local, where, findings);
  return findings;
}

bool is_marked_encrypted(const Entry& entry) {
  constexpr std::uint16_t k_bits = wire::zip::k_flag_encrypted | wire::zip::k_flag_strong | wire::zip::k_flag_masked;
  const auto marked = [&](const auto& header) {
    if (!header) return false;
    return (header->flags & k_bits) != 0 || header->method == wire::zip::k_aes ||
           wire::zip::find_extra(header->extra, k_extra_aes).has_value();
  };
  return marked(entry.central) || marked(entry.local);
}

}  // namespace modelaudit::formats::zip_archive
