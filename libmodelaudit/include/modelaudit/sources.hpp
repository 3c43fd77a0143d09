/// @file
/// Scanning models where they lie: on servers. A library of its own (`modelaudit::sources`), so that hosts that scan
/// local files need no HTTP client.
///
/// A reference is what a person writes: `https://HOST/artifactory/REPOSITORY/PATH`, `models:/NAME/VERSION`. What it stands for is listed, fetched
/// (unless its result or its bytes are known already), scanned, and reported under the address it came from.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelaudit/auditor.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/sources_export.hpp"

namespace modelaudit {

/// A token or password. It has no text form of its own: who wants to send it says reveal().
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const noexcept { return text_.empty(); }
  const std::string& reveal() const noexcept { return text_; }

 private:
  std::string text_;
};

/// JFrog Artifactory.
struct JfrogOptions {
  Secret api_key;                           ///< JFROG_API_TOKEN, sent as X-JFrog-Art-Api; preferred
  Secret access_token;                      ///< JFROG_ACCESS_TOKEN, sent as a bearer token
  /// MODELAUDIT_JFROG_ALLOWED_HOSTS: hosts ("host" or "host:port") beside *.jfrog.io that are Artifactory servers. They
  /// get the credentials, and may have private addresses.
  std::vector<std::string> hosts;
  /// MODELAUDIT_JFROG_ALLOWED_REDIRECT_HOSTS: further hosts that downloads may be redirected to. They get no credentials.
  std::vector<std::string> redirect_hosts;
};

/// MLflow.
struct MlflowOptions {
  std::string tracking_uri;            ///< MLFLOW_TRACKING_URI: http(s):// (may have a private or loopback address), or a folder
  Secret token;                        ///< MLFLOW_TRACKING_TOKEN, sent as a bearer token
  std::string username;                ///< MLFLOW_TRACKING_USERNAME, with `password`; preferred to the token
  Secret password;                     ///< MLFLOW_TRACKING_PASSWORD
  bool insecure_tls = false;           ///< MLFLOW_TRACKING_INSECURE_TLS: refused, with what to do instead
  std::filesystem::path server_cert;   ///< MLFLOW_TRACKING_SERVER_CERT_PATH: PEM of the server's authority
  /// MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS: folders of this host ("/models", "file:///models") that may be read when the
  /// server says that artifacts are there.
  std::vector<std::string> allowed_artifact_uris;
};

/// How far a reference has been fetched.
struct FetchProgress {
  std::string_view url;            ///< file being fetched
  std::uint64_t files_done = 0;
  std::uint64_t files_total = 0;   ///< to fetch
  std::uint64_t bytes_done = 0;    ///< of this file
  std::uint64_t bytes_total = 0;   ///< of this file; 0: the server does not say
};

/// Everything a host can set. A plain value; sizes in bytes.
struct SourceOptions {
  JfrogOptions jfrog;
  MlflowOptions mlflow;

  /// Hosts ("host" or "host:port") that may be reached at private and loopback addresses and without TLS. Cloud metadata
  /// services are out of bounds all the same.
  std::vector<std::string> allowed_hosts;
  std::string proxy;                ///< URL; empty: none. Addresses cannot be checked behind a proxy, names are
  std::string no_proxy;             ///< hosts that are reached directly, comma-separated
  std::filesystem::path ca_file;    ///< PEM; empty: the system's certificate authorities

  std::chrono::milliseconds time_limit{3'600'000};      ///< for one file
  std::chrono::milliseconds request_time_limit{30'000}; ///< for one listing request
  std::chrono::seconds stall_limit{60};                 ///< slower than `stall_bytes_per_second` for so long: given up
  std::uint64_t stall_bytes_per_second = 1024;
  unsigned attempts = 4;                                ///< for a request that meets 429, 5xx or a broken connection
  std::chrono::milliseconds retry_wait{1000};           ///< before the second attempt, twice that before the third …

  std::uint64_t file_size = std::uint64_t{50} << 30;    ///< larger files are not fetched; Limits::file_size may be lower
  std::uint64_t total_size = std::uint64_t{500} << 30;  ///< of one reference
  std::uint32_t listing_depth = 64;
  std::uint32_t listing_folders = 10'000;
  std::uint32_t listing_entries = 100'000;
  std::uint64_t listing_bytes = std::uint64_t{64} << 20;  ///< of all listing replies of a reference

  /// Of fetched files kept in the cache folder; the least recently used go first. 0: none is kept. Where the Auditor has
  /// no cache folder nothing is kept either.
  std::uint64_t store_size = std::uint64_t{20} << 30;
  /// Fetch one file, scan it, delete it; nothing stays on the disk. Shards of a model are kept until it is judged.
  bool stream = false;
  std::function<void(const FetchProgress&)> progress;
};

/// True for what scan_source() can fetch: the form is right. Whether it is allowed is scan_source()'s to say.
MODELAUDIT_SOURCES_EXPORT bool is_reference(std::string_view word, const SourceOptions& options = {});

/// Options with what users of the Python tool have in their environment: JFROG_API_TOKEN, JFROG_ACCESS_TOKEN,
/// MODELAUDIT_JFROG_ALLOWED_HOSTS, MODELAUDIT_JFROG_ALLOWED_REDIRECT_HOSTS; those of MlflowOptions; HTTPS_PROXY, NO_PROXY; SSL_CERT_FILE,
/// REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE. The only place of this library that reads it.
MODELAUDIT_SOURCES_EXPORT SourceOptions source_options_from_environment();

/// Fetches and scans what a reference stands for. Files whose SHA-256 the server states and whose result is known are
/// neither fetched nor scanned; files that are in the download store are not fetched.
///
/// @return  a report under the files' addresses. What could not be listed or fetched is in its `errors`, with what to do;
///          then it is inconclusive, whatever else was found is kept.
/// @throws  Error when the options are wrong. Nothing that a server says throws.
/// @par Threads  any number of calls at once.
MODELAUDIT_SOURCES_EXPORT ScanReport scan_source(const Auditor& auditor, std::string_view reference,
                                                 const SourceOptions& options = {});

/// A file behind a reference.
struct SourceFile {
  std::string url;
  std::optional<std::uint64_t> size;   ///< bytes, as the server states it
  std::optional<Digest> sha256;        ///< as the server states it
};

/// What scan_source() would fetch.
struct SourcePlan {
  std::vector<SourceFile> files;
  std::vector<TargetError> errors;
};

/// Lists what a reference stands for; fetches and scans nothing.
MODELAUDIT_SOURCES_EXPORT SourcePlan plan_source(const Auditor& auditor, std::string_view reference,
                                                 const SourceOptions& options = {});

/// The functions above as a table, for programs that load this library only when they need it.
struct SourceFunctions {
  std::string_view version;  ///< library_version() of the same build; the types are those of that version
  decltype(&source_options_from_environment) options_from_environment;
  decltype(&scan_source) scan;
  decltype(&plan_source) plan;
};

}  // namespace modelaudit

/// `dlsym(library, "modelaudit_source_functions")`
extern "C" MODELAUDIT_SOURCES_EXPORT const modelaudit::SourceFunctions* modelaudit_source_functions() noexcept;
