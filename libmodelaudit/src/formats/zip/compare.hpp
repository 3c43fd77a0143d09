/// @file
/// What the headers of one member say about each other.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "detect/paths.hpp"
#include "modelaudit/finding.hpp"
#include "wire/zip/archive.hpp"

namespace modelaudit::formats::zip_archive {

/// Every name that a reader may know a member by.
struct MemberNames {
  std::string shown;                         ///< the directory's, or the local header's without one
  detect::NameJudgement judged;
  std::optional<detect::NameJudgement> local;    ///< when it differs
  std::optional<detect::NameJudgement> unicode;  ///< of a valid Unicode path field, when it differs in more than charset
  bool is_folder = false;
};

MemberNames names_of(const wire::zip::Entry& entry);

/// Do two names lead to different treatment by loaders: pickle against text, program against data?
bool differs_in_kind(const detect::NameJudgement& a, const detect::NameJudgement& b);

/// Disagreements that are visible without reading the data. Severities are those of a harmless content.
std::vector<Finding> compare_headers(const wire::zip::Entry& entry, const MemberNames& names);

/// Is the member marked as encrypted, by either header or an AES field?
bool is_marked_encrypted(const wire::zip::Entry& entry);

}  // namespace modelaudit::formats::zip_archive
