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

/// Another name of a file that is listed already: a link, or the file behind one.
struct WalkedAlias {
  std::filesystem::path path;
  std::string shown;
  std::size_t file = 0;  ///< index of the one that is listed
};

/// What a walk found.
struct Walk {
  std::vector<WalkedFile> files;
  std::vector<WalkedAlias> aliases;
};

/// Lists what is to be scanned below the targets, in a stable order, and puts what cannot be scanned (missing,
/// unreadable, special files, broken links) into `report`. Folders are walked in byte order of their names, links to
/// folders are not entered, a file reached twice is listed once: under its name in a snapshot where it is a blob of the
/// Hugging Face hub's cache, else under the first. The targets outlive what is returned.
Walk walk(std::span<const Target> targets, ScanReport& report);

}  // namespace modelaudit::engine
