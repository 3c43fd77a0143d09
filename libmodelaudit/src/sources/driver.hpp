#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/trace.hpp"
#include "sources/http_client.hpp"

namespace modelaudit::sources {

/// A file that a driver found behind a reference.
struct RemoteFile {
  std::string name;                    ///< relative, '/' between components; as the server says it, checked by the caller
  std::string shown;                   ///< what reports call it: an address without credentials and query
  HttpRequest request;                 ///< fetches it; max_bytes and time_limit are the caller's to set
  std::optional<std::uint64_t> size;   ///< bytes
  std::optional<Digest> sha256;
  std::filesystem::path local;         ///< not empty: it lies here, nothing is fetched
};

struct RemoteListing {
  bool is_folder = false;              ///< the reference names a folder: files in it that nobody recognises are listed only
  std::vector<RemoteFile> files;
  /// Facts for the metadata of every file: {"source.repository", "models-local"}.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Knows one kind of server. Builds requests and reads replies; everything else is done for it.
///
/// @par Threads  one call at a time.
class Driver {
 public:
  virtual ~Driver();
  /// "jfrog", "mlflow": the metadata `source.type`.
  virtual const char* type() const noexcept = 0;
  /// True when the reference has this driver's form.
  virtual bool recognises(std::string_view reference) const = 0;
  /// What lies behind a reference that recognises() took. Throws SourceFailure when it cannot be told whole: an
  /// incomplete listing is never returned.
  virtual RemoteListing list(std::string_view reference, HttpClient& client) const = 0;
};

std::unique_ptr<Driver> make_jfrog_driver(const SourceOptions& options);

}  // namespace modelaudit::sources
