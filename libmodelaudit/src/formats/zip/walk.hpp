/// @file
/// One walk over an archive: every member in every reading, then what lies around them.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "detect/paths.hpp"
#include "formats/zip/compare.hpp"
#include "modelaudit/scanner.hpp"
#include "wire/torch/archive_names.hpp"
#include "wire/zip/archive.hpp"

namespace modelaudit::formats::zip_archive {

struct DecodeFacts;

/// A source over a scan context; `size` bytes, ranges cut to what is there.
wire::zip::Source source_of(ScanContext& context);

class Walk {
 public:
  explicit Walk(ScanContext& context);
  void run();

 private:
  /// What became of a member.
  struct Seen {
    std::optional<Severity> worst;
    bool recognised = false;
    bool complete = true;
    bool is_plain = false;  ///< decoded to the end with the right checksum, or recognised

    void merge(const ChildOutcome& outcome);
  };

  // --- directories (directories.cpp) ---
  void learn_layout();
  void report_directories();
  void report_end(const wire::zip::EndRecord& end);
  void report_duplicates();
  void report_overlaps();
  void report_missing_end();

  // --- members (members.cpp) ---
  void scan_entry(std::size_t index);
  void report_names(const wire::zip::Entry& entry, const MemberNames& names);
  void cover_headers(const wire::zip::Entry& entry);
  void scan_readings(const wire::zip::Entry& entry, const MemberNames& names, Seen& seen);
  void scan_reading(const wire::zip::Entry& entry, const MemberNames& names, const wire::zip::Reading& reading,
                    std::string name, Seen& seen);
  void check_content(const wire::zip::Entry& entry, const MemberNames& names, const wire::zip::Reading& reading,
                     ByteRange data, const DecodeFacts* facts, Seen& seen);
  void report_encryption(const wire::zip::Entry& entry, const MemberNames& names, const Seen& seen);
  void glance_at_storage(const wire::zip::Entry& entry, const MemberNames& names, const wire::zip::Reading& reading, Seen& seen);
  bool follow_link(const wire::zip::Entry& entry, const MemberNames& names);
  bool is_hidden(const wire::zip::Entry& entry) const;
  std::string role_of(const MemberNames& names) const;

  // --- bytes around the members (surroundings.cpp) ---
  void scan_surroundings();
  void scan_slack(const wire::zip::Slack& slack);
  bool is_named_like_a_model() const;

  ScanContext& ctx_;
  wire::zip::Source source_;
  wire::zip::Archive archive_;
  wire::torch::ArchiveLayout layout_;
  detect::LinkTree links_;
  std::vector<Seen> seen_;  ///< by entry
  std::set<std::tuple<std::uint64_t, std::uint64_t, std::uint16_t>> scanned_;  ///< data offset, length, method
  std::uint64_t checked_bytes_ = 0;  ///< of stored members, read for their checksum
  std::uint64_t aliased_bytes_ = 0;  ///< decoded of members that overlap others
};

}  // namespace modelaudit::formats::zip_archive
