#include "wire/zip/archive.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace modelaudit::wire::zip {

namespace {

constexpr std::uint64_t k_window = std::uint64_t{4} << 20;         // bytes looked at in one step of a sweep
constexpr std::size_t k_most_ends = 64;                            // end records followed in unclaimed bytes
constexpr std::size_t k_most_signatures = std::size_t{1} << 20;    // kept of one sweep
constexpr std::uint64_t k_most_descriptor_tests = std::uint64_t{1} << 20;
constexpr std::size_t k_most_overlaps = 64;                        // kept as examples; all are counted

enum class Signature : std::uint8_t { local, central, end, descriptor };

struct Sighting {
  std::uint64_t offset = 0;
  Signature kind = Signature::local;
};

std::optional<Signature> signature_at(ByteView view, std::uint64_t at) {
  if (view.has(at, k_local_magic)) return Signature::local;
  if (view.has(at, k_central_magic)) return Signature::central;
  if (view.has(at, k_end_magic)) return Signature::end;
  if (view.has(at, k_descriptor_magic)) return Signature::descriptor;
  return std::nullopt;
}

bool same_reading(const CentralHeader& a, const CentralHeader& b) {
  return a.method == b.method && a.sizes == b.sizes && a.crc == b.crc && a.flags == b.flags &&
         a.name.text() == b.name.text();
}

class Builder {
 public:
  Builder(const Source& source, std::uint64_t max_entries) : source_(source), max_entries_(max_entries) {}

  Archive build() {
    for (const EndRecord& end : find_ends(source_)) add_end(end, archive_.ends.empty() ? View::central : View::other_directory);
    walk_local_sizes();
    sweep();
    find_overlaps();
    std::stable_sort(archive_.entries.begin() + static_cast<std::ptrdiff_t>(from_first_directory_), archive_.entries.end(),
                     [](const Entry& a, const Entry& b) { return a.order() < b.order(); });
    archive_.slack = unclaimed();
    return std::move(archive_);
  }

 private:
  // --- adding what was found -------------------------------------------------------------------------------------
  bool is_full() {
    if (archive_.entries.size() < max_entries_) return false;
    archive_.limited = true;
    return true;
  }

  void add_end(const EndRecord& end, View view) {
    const auto is_known = [&](const EndRecord& e) { return e.offset == end.offset; };
    if (archive_.ends.size() >= k_most_ends || std::any_of(archive_.ends.begin(), archive_.ends.end(), is_known)) return;
    const bool is_first = archive_.ends.empty();
    archive_.ends.push_back(end);
    claim(end.offset, k_end_size);
    if (end.zip64_offset) claim(*end.zip64_offset, end.zip64_length + k_zip64_locator_size);
    for (Directory& directory : directories_of(source_, end, max_entries_ + 1)) {
      if (is_first && archive_.directories.empty()) archive_.base = directory.base;
      add_directory(std::move(directory), archive_.directories.empty() ? view : View::other_directory);
    }
  }

  void add_directory(Directory directory, View view) {
    const auto index = static_cast<std::uint32_t>(archive_.directories.size());
    directory_offset_ = directory.offset;
    const auto is_known = [&](const Directory& d) {
      return directory.offset >= d.offset && directory.offset < d.offset + d.length && d.base == directory.base;
    };
    if (std::any_of(archive_.directories.begin(), archive_.directories.end(), is_known)) return;
    claim(directory.offset, directory.length);
    for (const CentralHeader& record : directory.records) {
      if (is_full()) break;
      add_record(record, directory.base, index, view);
    }
    directory.records = {};
    archive_.directories.push_back(std::move(directory));
    if (index == 0) from_first_directory_ = archive_.entries.size();
  }

  /// A record's local header is looked for where the archive starts and, since miniz counts from the start of the
  /// file, there too; both are read when both are this member's.
  void add_record(const CentralHeader& record, std::uint64_t base, std::uint32_t directory, View view) {
    const auto at_base = checked_add(base, record.local_offset);
    const auto first = at_base ? read_local(source_, *at_base) : std::nullopt;
    const auto second = base != 0 ? read_local(source_, record.local_offset) : std::nullopt;
    if (first || !second) add_entry(record, first, directory, view);
    if (second && (!first || second->name.text() == record.name.text())) add_entry(record, second, directory, view);
  }

  void add_entry(const CentralHeader& record, const std::optional<LocalHeader>& local, std::uint32_t directory, View view) {
    if (local) {
      const auto [begin, end] = by_offset_.equal_range(local->offset);
      for (auto known = begin; known != end; ++known) {
        Entry& entry = archive_.entries[known->second];
        if (entry.central && entry.directory != directory && same_reading(*entry.central, record)) return;
      }
    }
    Entry entry;
    entry.view = view;
    entry.directory = directory;
    entry.central = record;
    entry.local = local;
    settle(entry, record.sizes);
    keep(std::move(entry));
  }

  void add_local(const LocalHeader& local, View view, std::uint64_t stop) {
    Entry entry;
    entry.view = view;
    entry.local = local;
    Sizes sizes = local.sizes;
    if (local.is_streamed() && sizes.compressed == 0) {
      sizes.compressed = streamed_size(local, stop);
      entry.found_size = sizes.compressed;
    }
    settle(entry, sizes);
    if (entry.descriptor && local.is_streamed() && local.sizes.compressed == 0) entry.found_size = sizes.compressed;
    keep(std::move(entry));
  }

  /// Where the entry's bytes end: data of this size, cut to the input, and the descriptor behind them.
  void settle(Entry& entry, const Sizes& sizes) {
    if (!entry.local) return;
    const std::uint64_t start = entry.local->offset;
    const std::uint64_t data = std::min(entry.local->data_offset(), source_.size);
    entry.cut = entry.local->data_offset() > source_.size || sizes.compressed > source_.size - data;
    std::uint64_t end = entry.cut ? source_.size : data + sizes.compressed;
    if (entry.cut && entry.central && directory_offset_ >= data) end = directory_offset_;  // all that can be its data
    if (!entry.cut && entry.local->is_streamed()) {
      entry.descriptor = read_descriptor(source_, end, sizes, entry.local->zip64);
      if (entry.descriptor) end += entry.descriptor->length;
    }
    entry.extent = {start, std::min(end, source_.size) - start};
  }

  void keep(Entry entry) {
    if (entry.local) {
      by_offset_.emplace(entry.local->offset, archive_.entries.size());
      claim(entry.extent.offset, entry.extent.length);
    }
    archive_.entries.push_back(std::move(entry));
  }

  // --- the local view ----------------------------------------------------------------------------------------------
  /// Streaming readers go by local sizes. Where those lead to another place than the directory's, a header there is
  /// an entry that only they see; the list grows while it is walked.
  void walk_local_sizes() {
    for (std::size_t i = 0; i < archive_.entries.size() && !is_full(); ++i) {
      const Entry& entry = archive_.entries[i];
      if (!entry.local || !entry.central) continue;
      const LocalHeader& local = *entry.local;
      if (local.sizes.compressed == entry.central->sizes.compressed) continue;
      if (local.is_streamed() && local.sizes.compressed == 0) continue;
      std::optional<std::uint64_t> at = checked_add(local.data_offset(), local.sizes.compressed);
      while (at && by_offset_.find(*at) == by_offset_.end() && !is_full()) {
        const auto next = read_local(source_, *at);
        if (!next || !is_plausible(*next, source_.size)) break;
        add_local(*next, View::local, source_.size);
        const ByteRange extent = archive_.entries.back().extent;
        at = checked_add(extent.offset, extent.length);
      }
    }
  }

  // --- bytes nobody claims -----------------------------------------------------------------------------------------
  void claim(std::uint64_t offset, std::uint64_t length) {
    if (offset >= source_.size) return;
    claims_.push_back({offset, std::min(length, source_.size - offset)});
  }

  /// End of the claimed range that holds `offset`, or nothing. claims_ must be merged.
  std::optional<std::uint64_t> claimed_until(std::uint64_t offset) const {
    auto after = std::upper_bound(claims_.begin(), claims_.end(), offset,
                                  [](std::uint64_t at, const ByteRange& range) { return at < range.offset; });
    if (after == claims_.begin()) return std::nullopt;
    const ByteRange& range = *--after;
    if (offset - range.offset < range.length) return range.offset + range.length;
    return std::nullopt;
  }

  void merge_claims() {
    std::sort(claims_.begin(), claims_.end(), [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
    std::vector<ByteRange> merged;
    for (const ByteRange& range : claims_) {
      if (!merged.empty() && range.offset <= merged.back().offset + merged.back().length) {
        const std::uint64_t end = std::max(merged.back().offset + merged.back().length, range.offset + range.length);
        merged.back().length = end - merged.back().offset;
      } else {
        merged.push_back(range);
      }
    }
    claims_ = std::move(merged);
  }

  std::vector<Slack> unclaimed() {
    merge_claims();
    std::vector<Slack> slack;
    std::uint64_t at = 0;
    const auto add = [&](std::uint64_t end) {
      if (end > at) add_slack(slack, {at, end - at}, at == 0 ? SlackPlace::prefix : SlackPlace::between);
    };
    for (const ByteRange& range : claims_) {
      add(range.offset);
      at = range.offset + range.length;
    }
    add(source_.size);
    return slack;
  }

  /// Bytes behind the authoritative end record are its comment as far as that reaches, then a suffix.
  void add_slack(std::vector<Slack>& slack, ByteRange range, SlackPlace place) {
    const EndRecord* end = archive_.ends.empty() ? nullptr : &archive_.ends.front();
    if (end == nullptr || range.offset < end->offset) {
      slack.push_back({range, place});
      return;
    }
    const std::uint64_t comment_end = std::min(end->end(), source_.size);
    const std::uint64_t range_end = range.offset + range.length;
    if (range.offset < comment_end) {
      const std::uint64_t stop = std::min(comment_end, range_end);
      slack.push_back({{range.offset, stop - range.offset}, SlackPlace::comment});
      range = {stop, range_end - stop};
    }
    if (range.length != 0) slack.push_back({range, SlackPlace::suffix});
  }

  /// All signatures in unclaimed bytes, in file order.
  std::vector<Sighting> sightings() {
    std::vector<Sighting> found;
    for (const Slack& slack : unclaimed()) {
      const std::uint64_t stop = slack.range.offset + slack.range.length;
      for (std::uint64_t start = slack.range.offset; start < stop; start += k_window) {
        if (source_.checkpoint) source_.checkpoint();
        // Three bytes more, so that a signature across the edge is seen; a view, so nothing is copied.
        const ByteView view = source_.bytes(start, std::min(k_window + 3, stop - start));
        for (auto at = view.find("PK"); at && *at < k_window; at = view.find("PK", *at + 2)) {
          const auto kind = signature_at(view, *at);
          if (!kind) continue;
          if (found.size() >= k_most_signatures) {
            archive_.limited = true;
            return found;
          }
          found.push_back({start + *at, *kind});
        }
      }
    }
    return found;
  }

  void sweep() {
    const std::vector<Sighting> found = sightings();
    for (const Sighting& sighting : found) {
      if (sighting.kind == Signature::descriptor) descriptors_.push_back(sighting.offset);
    }
    // Directories first: they tell the sizes of streamed members.
    for (const Sighting& sighting : found) {
      if (sighting.kind != Signature::end) continue;
      const auto end = read_end(source_, sighting.offset);
      if (end && !directories_of(source_, *end, 1).empty()) add_end(*end, View::other_directory);
    }
    merge_claims();
    for (const Sighting& sighting : found) {
      if (sighting.kind == Signature::central && !claimed_until(sighting.offset)) add_orphans(sighting.offset);
    }
    merge_claims();
    std::uint64_t done = 0;  // a carved entry whose end is confirmed hides what lies inside it
    for (const Sighting& sighting : found) {
      if (sighting.kind != Signature::local || sighting.offset < done || is_full()) continue;
      if (claimed_until(sighting.offset) || by_offset_.find(sighting.offset) != by_offset_.end()) continue;
      const auto local = read_local(source_, sighting.offset);
      if (!local || !is_plausible(*local, source_.size)) continue;
      add_local(*local, View::carved, slack_end(sighting.offset));
      const ByteRange extent = archive_.entries.back().extent;
      const std::uint64_t end = extent.offset + extent.length;
      const bool confirmed = end == source_.size || signature_at(source_.bytes(end, 4), 0).has_value();
      if (confirmed && !archive_.entries.back().cut) done = end;
      claims_.pop_back();  // merged ranges stay sorted for the look-ups; claimed for good below
      carved_.push_back(extent);
    }
    claims_.insert(claims_.end(), carved_.begin(), carved_.end());
  }

  /// First claimed byte after an unclaimed offset.
  std::uint64_t slack_end(std::uint64_t offset) const {
    const auto after = std::upper_bound(claims_.begin(), claims_.end(), offset,
                                        [](std::uint64_t at, const ByteRange& range) { return at < range.offset; });
    return after == claims_.end() ? source_.size : after->offset;
  }

  /// Directory records that no end record leads to: the tail of a truncated file, believed when the first one's
  /// local header is there under the same name.
  void add_orphans(std::uint64_t offset) {
    if (archive_.directories.size() >= k_most_ends) return;
    Directory directory = read_records(source_, offset, slack_end(offset), max_entries_ + 1);
    if (directory.is_empty()) return;
    const auto local = read_local(source_, directory.records.front().local_offset);
    if (!local || local->name.text() != directory.records.front().name.text()) return;
    directory.declared = directory.listed;
    add_directory(std::move(directory), View::other_directory);
    merge_claims();
  }

  /// Compressed size of a streamed member that no directory lists: up to the descriptor that agrees with it, else up
  /// to the next record, else all that is unclaimed.
  std::uint64_t streamed_size(const LocalHeader& local, std::uint64_t stop) {
    const std::uint64_t data = local.data_offset();
    auto at = std::lower_bound(descriptors_.begin(), descriptors_.end(), data);
    for (; at != descriptors_.end() && *at < stop && descriptor_tests_ < k_most_descriptor_tests; ++at) {
      ++descriptor_tests_;
      const ByteView sizes = source_.bytes(*at + 8, 8);
      const std::uint64_t distance = *at - data;
      if (sizes.le<std::uint32_t>(0) == distance || sizes.le<std::uint64_t>(0) == distance) return distance;
    }
    const auto next = std::lower_bound(descriptors_.begin(), descriptors_.end(), data);
    if (next != descriptors_.end() && *next < stop) return *next - data;
    return stop > data ? stop - data : 0;
  }

  // --- disagreements inside one directory -------------------------------------------------------------------------
  void find_overlaps() {
    struct Span {
      std::uint32_t directory;
      std::uint64_t start, end;
      std::size_t entry;
    };
    std::vector<Span> spans;
    for (std::size_t i = 0; i < archive_.entries.size(); ++i) {
      const Entry& entry = archive_.entries[i];
      if (!entry.central || !entry.local) continue;
      const std::uint64_t data_end = entry.cut ? entry.extent.offset + entry.extent.length : entry.local->data_offset() + entry.central->sizes.compressed;
      spans.push_back({entry.directory, entry.local->offset, data_end, i});
    }
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
      return a.directory != b.directory ? a.directory < b.directory : a.start < b.start;
    });
    for (std::size_t i = 1, widest = 0; i < spans.size(); ++i) {
      if (spans[i].directory != spans[widest].directory) {
        widest = i;
        continue;
      }
      if (spans[i].start < spans[widest].end) note_overlap(spans[widest].entry, spans[i].entry);
      if (spans[i].end > spans[widest].end) widest = i;
    }
  }

  void note_overlap(std::size_t first, std::size_t second) {
    ++archive_.overlap_count;
    if (archive_.overlaps.size() < k_most_overlaps) archive_.overlaps.push_back({first, second});
  }

  const Source& source_;
  std::uint64_t max_entries_;
  Archive archive_;
  std::unordered_multimap<std::uint64_t, std::size_t> by_offset_;  // local header -> entries
  std::vector<ByteRange> claims_;
  std::vector<ByteRange> carved_;
  std::vector<std::uint64_t> descriptors_;  // in unclaimed bytes, ascending
  std::uint64_t descriptor_tests_ = 0;
  std::size_t from_first_directory_ = 0;
  std::uint64_t directory_offset_ = 0;      // of the directory whose records are being added
};

}  // namespace

std::vector<Reading> readings_of(const Entry& entry) {
  std::vector<Reading> readings;
  const auto add = [&](std::uint16_t method, const Sizes& sizes, std::uint32_t crc, bool is_sized) {
    const auto is_same = [&](const Reading& r) { return r.method == method && r.compressed == sizes.compressed; };
    if (!std::any_of(readings.begin(), readings.end(), is_same)) {
      readings.push_back({method, sizes.compressed, sizes.plain, crc, is_sized});
    }
  };
  const auto add_methods = [&](const Sizes& sizes, std::uint32_t crc, bool is_sized) {
    if (entry.central) add(entry.central->method, sizes, crc, is_sized);
    if (entry.local) add(entry.local->method, sizes, crc, is_sized);
  };
  if (entry.central) {
    add_methods(entry.central->sizes, entry.central->crc, true);
    if (entry.central->also_sizes) add_methods(*entry.central->also_sizes, entry.central->crc, true);
  }
  if (entry.local) {
    const LocalHeader& local = *entry.local;
    const bool is_left_out = local.is_streamed() && local.sizes == Sizes{};
    if (!is_left_out) add_methods(local.sizes, local.crc, true);
    if (local.also_sizes) add_methods(*local.also_sizes, local.crc, true);
    if (entry.descriptor) {
      const bool is_found = !entry.central && is_left_out;  // the descriptor's own size, or where it was found
      const std::uint64_t compressed = is_found ? entry.found_size : entry.descriptor->sizes.compressed;
      add_methods({compressed, entry.descriptor->sizes.plain}, entry.descriptor->crc, true);
    } else if (is_left_out && !entry.central) {
      add_methods({entry.found_size, 0}, 0, false);
    }
  }
  return readings;
}

Archive read_archive(const Source& source, std::uint64_t max_entries) { return Builder(source, max_entries).build(); }

Claim claim_of(const Source& source) {
  Claim claim;
  const ByteView head = source.bytes(0, 8);
  if (head.starts_with(k_local_magic)) {
    const auto local = read_local(source, 0);
    claim.starts = local && (local->need & 0xFF) <= 100 && !local->name.empty();
  }
  // PK00: the marker of an archive that was meant for several volumes and fitted one.
  claim.starts = claim.starts || head.starts_with(k_end_magic) || head.starts_with("PK00PK\x03\x04");
  for (const EndRecord& end : find_ends(source)) {
    claim.ends = claim.ends || !directories_of(source, end, 1).empty() || (end.records == 0 && end.end() == source.size);
  }
  return claim;
}

std::vector<ByteView> directory_names(const Source& source, std::uint64_t max_names) {
  std::vector<ByteView> names;
  for (const EndRecord& end : find_ends(source)) {
    for (const Directory& directory : directories_of(source, end, max_names)) {
      for (const CentralHeader& record : directory.records) names.push_back(record.name);
    }
    if (!names.empty()) return names;
  }
  // No directory: the local headers as far as their sizes lead.
  for (std::uint64_t at = 0; names.size() < std::min<std::uint64_t>(max_names, 64);) {
    const auto local = read_local(source, at);
    if (!local) break;
    names.push_back(local->name);
    const auto next = checked_add(local->data_offset(), local->sizes.compressed);
    if (!next) break;
    at = *next;
  }
  return names;
}

}  // namespace modelaudit::wire::zip
