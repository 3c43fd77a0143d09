#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modelaudit/auditor.hpp"
#include "modelaudit/downloads.hpp"
#include "sources/driver.hpp"

namespace modelaudit::sources {

/// Adds a part of a report to the whole.
void append(ScanReport& report, ScanReport&& part);

/// Fetches and scans the files of one listing.
class SourceScan {
 public:
  SourceScan(const Auditor& auditor, const Driver& driver, HttpClient& client, const SourceOptions& options, std::string reference,
             RemoteListing listing);

  /// Everything into `report`; nothing throws but Error.
  void run(ScanReport& report);

 private:
  struct File {
    RemoteFile remote;
    std::optional<ContentId> content;   ///< what the server states, then what was fetched
    std::optional<ScanReport> known;    ///< the report on that content from an earlier scan
    std::filesystem::path path;         ///< where it lies now; empty: not fetched
    bool unusable = false;              ///< its failure is in the report already
  };

  void check(File& file, ScanReport& report);
  void scan_group(const std::vector<std::size_t>& members, ScanReport& report);
  void obtain(File& file, const std::filesystem::path& tree, ScanReport& report);
  void fetch_to(File& file, const std::filesystem::path& to);
  bool copy_of_fetched(const File& file, const std::filesystem::path& to) const;
  ScanReport scan_fetched(const std::vector<std::size_t>& members) const;
  void give_back(File& file);
  Target target_of(const File& file) const;
  void fail(File& file, Errc code, const std::string& message, ScanReport& report) const;
  bool is_interrupted() const { return auditor_.options().stop.stop_requested(); }

  const Auditor& auditor_;
  const Driver& driver_;
  HttpClient& client_;
  const SourceOptions& options_;
  std::string reference_;                  ///< as it may be shown
  RemoteListing listing_;
  std::vector<File> files_;
  std::shared_ptr<DownloadStore> store_;   ///< nullptr: nothing is kept
  std::uint64_t file_limit_;
  std::uint64_t files_done_ = 0;
};

}  // namespace modelaudit::sources
