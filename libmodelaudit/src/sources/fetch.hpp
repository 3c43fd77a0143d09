#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "modelaudit/trace.hpp"
#include "sources/driver.hpp"

namespace modelaudit::sources {

/// Told how many bytes of the file are there, and of how many (0: unknown).
using FetchCallback = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Fetches one file to `to`, which does not exist. It appears there whole, or not at all: it is as long as the listing and
/// the reply said, has the SHA-256 that the server stated, and is no HTML page in place of a model. A download that is
/// cut is resumed where the server can.
///
/// @throws SourceFailure
ContentId fetch(HttpClient& client, const Driver& driver, const RemoteFile& file, const std::filesystem::path& to,
                std::uint64_t max_bytes, const SourceOptions& options, const FetchCallback& progress);

}  // namespace modelaudit::sources
