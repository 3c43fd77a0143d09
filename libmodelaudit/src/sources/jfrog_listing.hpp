#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/trace.hpp"

namespace modelaudit::sources::jfrog {

struct Child {
  std::string name;      ///< of one component, without the '/' in front; otherwise as the server says it
  bool folder = false;
};

/// What `GET /artifactory/api/storage/REPOSITORY/PATH` says (Artifactory REST API, "Folder Info" and "File Info").
struct StorageInfo {
  bool folder = false;                 ///< the reply has `children`
  std::vector<Child> children;
  std::optional<std::uint64_t> size;   ///< `size`: a number in a string, or a number
  std::optional<Digest> sha256;        ///< `checksums.sha256`
};

/// Reads a reply. Throws Malformed for anything that is no such reply, and (limit) for more than `most_children`.
StorageInfo parse_storage_info(std::string_view json, std::uint32_t most_children);

/// A file of `GET /artifactory/api/storage/REPOSITORY/PATH?list&deep=1` ("File List", not in every edition).
struct ListedFile {
  std::string path;                    ///< below the folder, components between '/', otherwise as the server says it
  std::optional<std::uint64_t> size;
  std::optional<Digest> sha256;        ///< `sha2`
};

/// Reads such a reply; throws as parse_storage_info().
std::vector<ListedFile> parse_file_list(std::string_view json, std::uint32_t most_files);

}  // namespace modelaudit::sources::jfrog
