#include <algorithm>
#include <string>
#include <string_view>

#include "detect/tensor_bytes.hpp"
#include "formats/zip/member_reader.hpp"
#include "formats/zip/walk.hpp"
#include "io/range_reader.hpp"
#include "rules/catalogue.hpp"
#include "wire/zip/codec_of.hpp"

namespace modelaudit::formats::zip_archive {

using wire::torch::MemberKind;
using wire::zip::Entry;
using wire::zip::Reading;
using wire::zip::View;

namespace {

constexpr std::uint64_t k_glance = 64;                              // bytes looked at of a declared tensor
constexpr std::uint64_t k_checked_member = std::uint64_t{1} << 20;  // stored members up to this size have their CRC checked
constexpr std::uint64_t k_checked_in_all = std::uint64_t{64} << 20;
constexpr std::uint64_t k_aliased = std::uint64_t{256} << 20;  // decoded of overlapping members: enough for a payload
constexpr std::uint64_t k_bomb_size = std::uint64_t{1} << 20;
constexpr std::uint64_t k_bomb_ratio = 250;
constexpr std::uint64_t k_longest_link = 65536;

}  // namespace

void Walk::Seen::merge(const ChildOutcome& outcome) {
  worst = std::max(worst, outcome.worst);
  recognised = recognised || outcome.recognised;
  complete = complete && outcome.complete;
}

void Walk::scan_entry(std::size_t index) {
  const Entry& entry = archive_.entries[index];
  Seen& seen = seen_[index];
  const MemberNames names = names_of(entry);
  report_names(entry, names);
  if (!entry.local) {
    ctx_.report(Finding(rules::zip_ghost_entry, "The directory lists a member that is not there",
                        ctx_.at(entry.central->offset), {{"name", names.judged.display}}));
    ctx_.inconclusive(GapKind::corrupt, "zip: a listed member is missing", ctx_.at(entry.central->offset));
    return;
  }
  cover_headers(entry);
  if (!follow_link(entry, names)) scan_readings(entry, names, seen);
  if (entry.cut) ctx_.inconclusive(GapKind::truncated, "zip: a member reaches beyond the end of the file", ctx_.at(entry.order()));

  std::vector<Finding> findings = compare_headers(entry, names);
  if (is_hidden(entry)) {
    findings.emplace_back(rules::zip_hidden_entry, "A member lies in the file that the directory does not list",
                          ctx_.at(entry.order()), Details{{"name", names.judged.display}});
  }
  for (Finding& finding : findings) {
    const bool is_trick = finding.severity == Severity::warning;
    if (is_trick && seen.worst == Severity::critical) finding.severity = Severity::critical;
    ctx_.report(std::move(finding));
  }
}

void Walk::report_names(const Entry& entry, const MemberNames& names) {
  const Location where = ctx_.at(entry.order());
  for (const detect::NameJudgement* name : {&names.judged, names.local ? &*names.local : nullptr, names.unicode ? &*names.unicode : nullptr}) {
    if (name == nullptr) continue;
    for (Finding& finding : detect::name_findings(*name, where)) ctx_.report(std::move(finding));
  }
}

void Walk::cover_headers(const Entry& entry) {
  const std::uint64_t end = std::min(entry.local->data_offset(), source_.size);
  ctx_.cover(entry.local->offset, end - entry.local->offset);
  if (entry.descriptor) ctx_.cover(entry.descriptor->offset, entry.descriptor->length);
}

bool Walk::is_hidden(const Entry& entry) const {
  if (archive_.ends.empty()) return false;  // a truncated file: nothing lists anything
  if (entry.view == View::local || entry.view == View::carved) return true;
  return entry.central && !archive_.directories[entry.directory].end;
}

std::string Walk::role_of(const MemberNames& names) const {
  switch (wire::torch::kind_of(layout_, names.shown)) {
    case MemberKind::object:
    case MemberKind::pickle: return layout_.has_code ? "torchscript-archive-data" : "pytorch-data";
    case MemberKind::torchscript_source: return "torchscript-source";
    case MemberKind::python_source: return layout_.is_torch() ? "python-source" : "";
    default: return "";
  }
}

/// A symbolic link's data is its target. True when there is nothing more to scan.
bool Walk::follow_link(const Entry& entry, const MemberNames& names) {
  if (!entry.central || (entry.central->unix_mode() & 0xF000) != 0xA000) {
    if (links_.has_links()) {
      const auto place = links_.place(names.judged.normalised);
      for (Finding& finding : detect::placement_findings(place, names.judged.display, ctx_.at(entry.order()))) ctx_.report(std::move(finding));
    }
    return false;
  }
  const std::uint8_t host = entry.central->host();
  if (host != 3 && host != 19) {
    ctx_.report(Finding(rules::zip_symlink_host, "A symbolic link's mode on a member from a system without such modes",
                        ctx_.at(entry.order()), {{"name", names.judged.display}}));
    return false;
  }
  const Reading reading = readings_of(entry).front();
  const ByteRange data = data_of(entry, reading, source_.size);
  const std::vector<std::byte> bytes = read_start(ctx_, data, reading, k_longest_link);
  const std::string target(ByteView(bytes).text());
  const auto link = links_.add_link(names.judged.normalised, target, detect::LinkKind::symbolic);
  for (Finding& finding : detect::link_findings(link, names.judged.display, target, ctx_.at(entry.order()))) ctx_.report(std::move(finding));
  return false;  // and as a file, for extractors that make one of it
}

void Walk::scan_readings(const Entry& entry, const MemberNames& names, Seen& seen) {
  const std::vector<Reading> readings = readings_of(entry);
  const bool has_data = std::any_of(readings.begin(), readings.end(), [](const Reading& r) { return r.compressed != 0; });
  if (names.is_folder && has_data) {
    ctx_.report(Finding(rules::zip_dir_with_data, "A member that is named as a folder has contents", ctx_.at(entry.order()),
                        {{"name", names.judged.display}}));
  }
  const bool is_weight = wire::torch::kind_of(layout_, names.shown) == MemberKind::storage && layout_.is_torch();
  if (is_weight && readings.size() == 1 && wire::zip::is_readable(readings.front().method) && !is_hidden(entry) && !is_marked_encrypted(entry)) {
    glance_at_storage(entry, names, readings.front(), seen);
    return;
  }
  for (const Reading& reading : readings) {
    const ByteRange data = data_of(entry, reading, source_.size);
    if (!scanned_.emplace(data.offset, data.length, reading.method).second) {
      // The same bytes under another name: already judged, and the disagreement is reported by itself.
      continue;
    }
    const bool is_first = &reading == &readings.front();
    const std::string suffix = is_first ? "" : " (method " + std::to_string(reading.method) + ", " + std::to_string(reading.compressed) + " bytes)";
    scan_reading(entry, names, reading, names.shown + suffix, seen);
  }
  report_encryption(entry, names, seen);
}

void Walk::scan_reading(const Entry& entry, const MemberNames& names, const Reading& reading, std::string name, Seen& seen) {
  const ByteRange data = data_of(entry, reading, source_.size);
  if (data.length == 0) {
    seen.is_plain = true;
    return;
  }
  const bool is_encrypted = is_marked_encrypted(entry);
  if (archive_.overlap_count != 0 && aliased_bytes_ > k_aliased) {
    ctx_.inconclusive(GapKind::limit, "zip: members that overlap others are not decoded any further", ctx_.at(entry.order()));
    return;
  }
  Child child;
  child.name = std::move(name);
  child.role = role_of(names);
  Content content = open_member(ctx_, data, reading);
  child.content = std::move(content.body);
  const ChildOutcome outcome = ctx_.scan_child(std::move(child));
  seen.merge(outcome);
  if (!wire::zip::is_readable(reading.method) && !is_encrypted) {
    ctx_.inconclusive(GapKind::unsupported, "zip: compression method " + std::to_string(reading.method) + " is not read",
                      ctx_.at(entry.order()));
  }
  if (content.facts) {
    ctx_.cover(data.offset, data.length);
    aliased_bytes_ += content.facts->produced;
  }
  check_content(entry, names, reading, data, content.facts.get(), seen);
}

/// Checksum, decoded size, ratio, and what is left of the compressed data behind the stream's own end.
void Walk::check_content(const Entry& entry, const MemberNames& names, const Reading& reading, ByteRange data,
                         const DecodeFacts* facts, Seen& seen) {
  const bool is_encrypted = is_marked_encrypted(entry);
  const Location where = ctx_.at(entry.order());
  std::optional<std::uint32_t> crc;
  const std::uint64_t plain = facts != nullptr ? facts->produced : data.length;
  if (facts != nullptr) {
    if (facts->finished) crc = facts->crc;
    if (facts->produced > k_bomb_size && facts->produced / std::max<std::uint64_t>(facts->consumed, 1) > k_bomb_ratio) {
      Finding finding(rules::zip_bomb_ratio, "A member expands to hundreds of times its size", where,
                      {{"name", names.judged.display}, {"compressed", std::to_string(facts->consumed)}, {"plain", std::to_string(facts->produced)}});
      if (facts->finished) finding.severity = Severity::info;
      ctx_.report(std::move(finding));
    }
  } else if (reading.method == wire::zip::k_stored && !entry.cut && data.length <= k_checked_member && checked_bytes_ + data.length <= k_checked_in_all) {
    checked_bytes_ += data.length;
    crc = crc_of(ctx_, data);
  }
  const bool is_whole = facts != nullptr ? facts->finished : reading.method == wire::zip::k_stored && !entry.cut;
  const bool has_size = !is_whole || !reading.is_sized || plain == reading.plain;
  seen.is_plain = seen.is_plain || (crc && reading.is_sized && *crc == reading.crc && plain == reading.plain);
  if (is_encrypted && !seen.is_plain) return;
  if (!has_size) {
    Finding finding(rules::zip_size_mismatch, "The data has another size than declared", where,
                    {{"name", names.judged.display}, {"declared", std::to_string(reading.plain)}, {"decoded", std::to_string(plain)}});
    if (seen.worst == Severity::critical) finding.severity = Severity::critical;
    ctx_.report(std::move(finding));
  }
  if (crc && reading.is_sized && *crc != reading.crc && has_size) {
    Finding finding(rules::zip_crc, "The contents do not have the declared checksum", where, {{"name", names.judged.display}});
    if (layout_.is_torch() || seen.worst == Severity::critical) finding.severity = Severity::warning;
    ctx_.report(std::move(finding));
  }
  if (facts != nullptr && facts->finished && facts->consumed < data.length) {
    scan_slack({{data.offset + facts->consumed, data.length - facts->consumed}, wire::zip::SlackPlace::between});
  }
}

/// A member that is marked as encrypted but reads as plain is a trick against scanners; one that does not is a gap.
void Walk::report_encryption(const Entry& entry, const MemberNames& names, const Seen& seen) {
  if (!is_marked_encrypted(entry)) return;
  const Location where = ctx_.at(entry.order());
  const bool has_finding = seen.worst && *seen.worst >= Severity::warning;
  if (seen.is_plain || has_finding || (seen.recognised && seen.complete)) {
    Finding finding(rules::zip_flag_mismatch, "A member is marked as encrypted, but its data is plain", where, {{"name", names.judged.display}});
    if (seen.worst == Severity::critical) finding.severity = Severity::critical;
    ctx_.report(std::move(finding));
    return;
  }
  ctx_.report(Finding(rules::zip_encrypted, "A member is encrypted", where, {{"name", names.judged.display}}));
  ctx_.inconclusive(GapKind::encrypted, "zip: encrypted member", where);
}

/// Tensor bytes are declared, not read: the first of them tell whether something else lies there.
void Walk::glance_at_storage(const Entry& entry, const MemberNames& names, const Reading& reading, Seen& seen) {
  const ByteRange data = data_of(entry, reading, source_.size);
  const std::vector<std::byte> start = read_start(ctx_, data, reading, k_glance);
  std::vector<std::byte> decoded;
  const auto more = [&]() -> std::unique_ptr<ForwardReader> {
    if (reading.method == wire::zip::k_stored) return std::make_unique<io::RangeReader>(ctx_, data);
    decoded = read_start(ctx_, data, reading, k_checked_member);
    return std::make_unique<io::GlanceReader>(ByteView(decoded));
  };
  if (ctx_.deep() || detect::is_more_than_weights(ctx_, ByteView(start), more)) {
    scan_reading(entry, names, reading, names.shown, seen);
    return;
  }
  ctx_.cover_declared(data.offset, data.length);
}

}  // namespace modelaudit::formats::zip_archive
