#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "modelaudit/auditor.hpp"
#include "modelaudit/scan_result.hpp"

namespace modelaudit::engine {

/// One file to scan.
struct WalkedFile {
  std::filesystem::path path;   ///< what is opened
  std::string shown;            ///< what reports say
  bool from_folder = false;     ///< found by walking, not named by the caller
  const Target* target = nullptr;  ///< of the caller's that led here
};

/// Lists what is to be scanned below the targets, in a stable order, and puts what cannot be scanned (missing,
/// unreadable, special files, broken links) into `report`. Folders are walked in byte order of their names, links to
/// folders are not entered, a file reached twice is listed once. The targets outlive what is returned.
std::vector<WalkedFile> walk(std::span<const Target> targets, ScanReport& report);

}  // namespace modelaudit::engine
