#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelaudit/scan_result.hpp"
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

/// What could be told about a reference. What could not is in `errors`: then nobody takes the rest for the whole.
struct RemoteListing {
  bool is_folder = false;              ///< the reference names a folder: files in it that nobody recognises are listed only
  std::vector<RemoteFile> files;
  std::vector<TargetError> errors;
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
  /// Hosts that may have private addresses because the user named them for this kind of server.
  virtual std::vector<std::string> trusted_hosts() const = 0;
  /// The options of the transport to this kind of server.
  virtual SourceOptions transport(const SourceOptions& given) const;
  /// What lies behind a reference that recognises() took. Throws SourceFailure when nothing can be told.
  virtual RemoteListing list(std::string_view reference, HttpClient& client) const = 0;
  /// What to do about a status that is no success, for a person: "set JFROG_ACCESS_TOKEN". May be empty.
  virtual std::string advice(const Url& url, unsigned status) const = 0;
};

/// The failure that a reply stands for whose status is no success.
SourceFailure failure_of(const Driver& driver, const HttpRequest& request, const HttpReply& reply);

std::unique_ptr<Driver> make_jfrog_driver(const SourceOptions& options);
std::unique_ptr<Driver> make_mlflow_driver(const SourceOptions& options);

}  // namespace modelaudit::sources
