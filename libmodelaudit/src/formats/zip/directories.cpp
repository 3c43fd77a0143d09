#include <algorithm>
#include <string>
#include <string_view>

#include "formats/zip/walk.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats::zip_archive {

using wire::zip::Directory;
using wire::zip::EndRecord;
using wire::zip::Entry;
using wire::zip::View;

namespace {

constexpr std::uint64_t k_most_listed = 1'000'000;  // members listed; real data sets have some 10^5

/// Members that a loader looks up by this name: two of them are two different models.
bool is_looked_up(std::string_view base) {
  return base == "data.pkl" || base == "config.json" || base == "MANIFEST.json" || base == "model_config.yaml" ||
         base == "constants.pkl" || base == "schema.json";
}

}  // namespace

Walk::Walk(ScanContext& context) : ctx_(context), source_(source_of(context)) {}

void Walk::run() {
  archive_ = wire::zip::read_archive(source_, std::min(k_most_listed, ctx_.budget().limits().members));
  learn_layout();
  ctx_.metadata("members", std::to_string(archive_.entries.size()));
  report_missing_end();
  for (const EndRecord& end : archive_.ends) report_end(end);
  seen_.resize(archive_.entries.size());
  const std::uint64_t most = ctx_.budget().limits().members_per_container;
  for (std::size_t i = 0; i < archive_.entries.size() && i < most; ++i) scan_entry(i);
  if (archive_.limited || archive_.entries.size() > most) {
    ctx_.inconclusive(GapKind::limit, "zip: more members than are scanned of one archive", {});
  }
  report_directories();
  report_duplicates();
  report_overlaps();
  scan_surroundings();
}

void Walk::learn_layout() {
  wire::torch::LayoutFinder finder;
  for (const Entry& entry : archive_.entries) finder.add_root(entry.name().text());
  if (!finder.layout().roots.empty()) {
    for (const Entry& entry : archive_.entries) finder.add_sibling(entry.name().text());
  }
  layout_ = finder.layout();
}

void Walk::report_missing_end() {
  if (!archive_.ends.empty()) {
    if (archive_.entries.empty() && ctx_.probe().is_top_level() && is_named_like_a_model()) {
      ctx_.inconclusive(GapKind::empty, "zip: an archive without members where a model was expected", {});
    }
    return;
  }
  ctx_.inconclusive(GapKind::truncated, "zip: no end record leads to a directory", ctx_.at(source_.size));
}

void Walk::report_end(const EndRecord& end) {
  const Location where = ctx_.at(end.offset, wire::zip::k_end_size);
  ctx_.cover(end.offset, wire::zip::k_end_size);
  if (end.zip64_offset) ctx_.cover(*end.zip64_offset, end.zip64_length + wire::zip::k_zip64_locator_size);
  if (end.contradicted) {
    ctx_.report(Finding(rules::zip_zip64_lie, "The ZIP64 end record contradicts the end record", where,
                        {{"directory_offset", std::to_string(end.contradicted->directory_offset)},
                         {"zip64_directory_offset", std::to_string(end.directory_offset)}}));
  }
  if (end.zip64_missing) ctx_.inconclusive(GapKind::corrupt, "zip: ZIP64 end record is missing", where);
  const bool has_disks = (end.disk != 0 && end.disk != 0xFFFF) || (end.directory_disk != 0 && end.directory_disk != 0xFFFF);
  if (has_disks) ctx_.inconclusive(GapKind::unsupported, "zip: one volume of several", where);
  if (end.records_here != end.records && !has_disks) {
    ctx_.report(Finding(rules::zip_count_mismatch, "The end record gives two numbers of members", where,
                        {{"here", std::to_string(end.records_here)}, {"in_all", std::to_string(end.records)}}));
  }
}

void Walk::report_directories() {
  std::vector<bool> carries_payload(archive_.directories.size(), false);
  for (std::size_t i = 0; i < archive_.entries.size(); ++i) {
    const Entry& entry = archive_.entries[i];
    if (entry.central && seen_[i].worst == Severity::critical) carries_payload[entry.directory] = true;
  }
  std::size_t with_end = 0;
  for (std::size_t i = 0; i < archive_.directories.size(); ++i) {
    const Directory& directory = archive_.directories[i];
    ctx_.cover(directory.offset, directory.length);
    if (!directory.end) continue;
    ++with_end;
    // Writers without ZIP64 store the count modulo 65,536.
    const bool counts = directory.declared == directory.listed || directory.declared == (directory.listed & 0xFFFF);
    if (!counts && !archive_.limited) {
      ctx_.report(Finding(rules::zip_count_mismatch, "The directory has another number of members than the end record declares",
                          ctx_.at(directory.offset, directory.length),
                          {{"declared", std::to_string(directory.declared)}, {"listed", std::to_string(directory.listed)}}));
    }
    if (directory.cut) ctx_.inconclusive(GapKind::truncated, "zip: the directory is shorter than declared", ctx_.at(directory.offset));
  }
  if (with_end < 2) return;
  Finding finding(rules::zip_multi_eocd, "The file has several central directories", ctx_.at(archive_.directories[1].offset),
                  {{"directories", std::to_string(with_end)}});
  const auto same = [&](bool b) { return b == carries_payload.front(); };
  if (!std::all_of(carries_payload.begin(), carries_payload.end(), same)) finding.severity = Severity::critical;
  ctx_.report(std::move(finding));
}

void Walk::report_duplicates() {
  std::unordered_map<std::string, std::size_t> first_by_name;
  for (std::size_t i = 0; i < archive_.entries.size(); ++i) {
    const Entry& entry = archive_.entries[i];
    if (!entry.central) continue;
    const MemberNames names = names_of(entry);
    if (names.is_folder && entry.central->sizes.plain == 0) continue;  // ordinary where archives were merged
    const auto [known, is_new] = first_by_name.try_emplace(std::to_string(entry.directory) + ":" + names.judged.collision_key, i);
    if (is_new) continue;
    const Entry& first = archive_.entries[known->second];
    const bool is_same = first.central->crc == entry.central->crc && first.central->sizes == entry.central->sizes;
    Finding finding(rules::zip_duplicate, "Two members have the same name", ctx_.at(entry.order()),
                    {{"name", names.judged.display}, {"first_offset", std::to_string(first.order())}});
    if (is_same) finding.severity = Severity::info;
    const bool differs = seen_[i].worst != seen_[known->second].worst;
    const bool is_malicious = std::max(seen_[i].worst, seen_[known->second].worst) == Severity::critical;
    const bool is_key = is_looked_up(detect::base_name(names.judged.normalised));
    if (is_key) finding.severity = is_same ? Severity::warning : Severity::critical;
    if (differs && is_malicious) finding.severity = Severity::critical;
    ctx_.report(std::move(finding));
  }
}

void Walk::report_overlaps() {
  for (const wire::zip::Overlap& overlap : archive_.overlaps) {
    const Entry& first = archive_.entries[overlap.first];
    const Entry& second = archive_.entries[overlap.second];
    ctx_.report(Finding(rules::zip_overlap, "Two members share bytes of the file", ctx_.at(second.order()),
                        {{"first", std::string(first.name().text())}, {"second", std::string(second.name().text())},
                         {"overlaps", std::to_string(archive_.overlap_count)}}));
  }
}

}  // namespace modelaudit::formats::zip_archive
