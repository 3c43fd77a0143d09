// MLflow: a tracking server tells where the artifacts of a model version or run lie; those that it proxies are listed by
// `GET api/2.0/mlflow-artifacts/artifacts?path=P` and fetched by `GET api/2.0/mlflow-artifacts/artifacts/P` (MLflow REST API
// 2.0, tried with MLflow 3.17). Artifacts in a folder of this host are read where they are: in the store of a user who tracks
// without a server, or where the user allows it.
#include <algorithm>
#include <set>

#include "modelaudit/error.hpp"
#include "sources/base64.hpp"
#include "sources/driver.hpp"
#include "sources/mlflow_reference.hpp"
#include "sources/mlflow_replies.hpp"
#include "sources/mlflow_store.hpp"
#include "sources/names.hpp"

namespace modelaudit::sources {
namespace {

namespace fs = std::filesystem;
using mlflow::Reference;

constexpr std::string_view k_api = "/api/2.0/";
constexpr std::string_view k_artifacts = "mlflow-artifacts/artifacts";
constexpr std::uint32_t k_most_artifacts = 10'000;  // as the Python client of the peer; a model has some dozen
constexpr std::uint32_t k_most_versions = 1000;

/// A path with each component escaped.
std::string encoded_path(std::string_view path) {
  std::string out;
  for (std::size_t at = 0; at <= path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    out += (at == 0 ? "" : "/") + percent_encode(path.substr(at, slash - at));
    at = slash + 1;
  }
  return out;
}

std::string joined(const std::string& folder, const std::string& name) {
  if (folder.empty() || name.empty()) return folder + name;
  return folder + "/" + name;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

class MlflowDriver final : public Driver {
 public:
  explicit MlflowDriver(const SourceOptions& options) : options_(options), mlflow_(options.mlflow) {}

  const char* type() const noexcept override { return "mlflow"; }
  bool recognises(std::string_view reference) const override { return mlflow::has_form(reference); }

  std::vector<std::string> trusted_hosts() const override {
    const auto url = Url::parse(mlflow_.tracking_uri);
    return url ? std::vector<std::string>{url->authority()} : std::vector<std::string>{};
  }

  /// The user named this very server: it may be on this host, and without TLS.
  SourceOptions transport(const SourceOptions& given) const override {
    SourceOptions options = given;
    for (std::string& host : trusted_hosts()) options.allowed_hosts.push_back(std::move(host));
    if (!mlflow_.server_cert.empty()) options.ca_file = mlflow_.server_cert;
    return options;
  }

  std::string advice(const Url& url, unsigned status) const override {
    const bool has_credentials = !mlflow_.token.empty() || !mlflow_.username.empty();
    if (status == 401 || status == 403) {
      return has_credentials ? "check MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
                             : "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD";
    }
    if (status == 400 && url.path.ends_with("/alias")) return "is there a model of this name with this alias?";
    if (status == 503 && url.path.find(k_artifacts) != std::string::npos) return "is the server started with --serve-artifacts?";
    if (status == 404) return "is MLFLOW_TRACKING_URI, " + url.origin() + ", the right server?";
    return {};
  }

  RemoteListing list(std::string_view reference, HttpClient& client) const override;

 private:
  class Walk;

  /// The address of the tracking server, without a slash at the end of its path.
  Url tracking() const {
    if (mlflow_.tracking_uri.empty()) {
      throw SourceFailure(Errc::not_found, "there is no tracking server; set MLFLOW_TRACKING_URI to its address, such as http://localhost:5000");
    }
    if (mlflow_.insecure_tls) {
      throw SourceFailure(Errc::refused, "MLFLOW_TRACKING_INSECURE_TLS would open credentials and models to anybody on the way; name the "
                                         "server's certificate in MLFLOW_TRACKING_SERVER_CERT_PATH instead");
    }
    const bool is_http = mlflow_.tracking_uri.starts_with("http://") || mlflow_.tracking_uri.starts_with("https://");
    if (!is_http) throw SourceFailure(Errc::unsupported, "MLFLOW_TRACKING_URI is neither an http:// or https:// address nor a folder; others are not supported");
    auto url = Url::parse(mlflow_.tracking_uri);
    if (!url) throw SourceFailure(Errc::refused, std::string("MLFLOW_TRACKING_URI: ") + url.error().what);
    while (url->path.ends_with('/')) url->path.pop_back();
    url->query.clear();
    return *std::move(url);
  }

  HttpRequest request_for(const std::string& path, const std::string& query) const {
    HttpRequest request;
    request.url = tracking();
    request.url.path += std::string(k_api) + path;
    request.url.query = query;
    // As MLflow's client: a name and password before a token.
    if (!mlflow_.username.empty() && !mlflow_.password.empty()) {
      request.credentials.push_back({"Authorization", Secret("Basic " + base64(mlflow_.username + ":" + mlflow_.password.reveal()))});
    } else if (!mlflow_.token.empty()) {
      request.credentials.push_back({"Authorization", Secret("Bearer " + mlflow_.token.reveal())});
    }
    return request;
  }

  const SourceOptions& options_;
  const MlflowOptions& mlflow_;
};

/// Collects the files behind one reference.
class MlflowDriver::Walk {
 public:
  Walk(const MlflowDriver& driver, Reference reference, HttpClient& client, RemoteListing& listing)
      : driver_(driver), options_(driver.options_), reference_(std::move(reference)), client_(client), listing_(listing),
        most_(std::min(options_.listing_entries, k_most_artifacts)) {}

  void begin() {
    if (const auto store = mlflow::store_folder(driver_.mlflow_.tracking_uri)) return begin_in_store(*store);
    const Url tracking = driver_.tracking();
    const mlflow::Root root = mlflow::parse_root(find_root(), tracking.authority());
    listing_.metadata.insert(listing_.metadata.begin(), {"source.server", tracking.shown()});
    if (const auto* proxied = std::get_if<mlflow::ProxiedRoot>(&root)) return list_proxied(proxied->path);
    list_local(std::get<mlflow::LocalRoot>(root).path, {});
  }

 private:
  struct Folder {
    std::string name;      ///< relative to what the reference names
    std::uint32_t depth;
  };

  std::string ask(const std::string& path, const std::string& query) {
    HttpRequest request = driver_.request_for(path, query);
    request.time_limit = options_.request_time_limit;
    request.max_bytes = options_.listing_bytes - std::min(bytes_, options_.listing_bytes);
    HttpReply reply;
    std::string text = get_text(client_, request, &reply);
    bytes_ += text.size();
    if (reply.status != 200) throw failure_of(driver_, request, reply);
    return text;
  }

  /// What `parse` makes of a reply.
  template <typename Parse>
  auto ask(const std::string& path, const std::string& query, Parse parse) -> decltype(parse(std::string_view{})) {
    const std::string text = ask(path, query);
    try {
      return parse(text);
    } catch (const Malformed& malformed) {
      if (malformed.failure().code == Errc::limit) fail_entries();
      throw SourceFailure(Errc::malformed, "the server does not answer as MLflow does (" + std::string(malformed.failure().what) +
                                               "); is it a log-in page or another server?");
    }
  }

  /// Asks for the `artifact_uri`, and decides under which name reports show the files.
  std::string find_root() {
    const std::string name = percent_encode(reference_.name);
    if (reference_.kind == Reference::Kind::run) {
      name_it("");
      return ask("mlflow/runs/get", "run_id=" + name, mlflow::parse_run_root);
    }
    if (reference_.kind == Reference::Kind::logged_model) {
      name_it("");
      return ask("mlflow/logged-models/" + name, "", mlflow::parse_logged_model_root);
    }
    const std::string version = find_version(name);
    name_it(version);
    const std::string root = ask("mlflow/model-versions/get-download-uri", "name=" + name + "&version=" + version, mlflow::parse_download_uri);
    return mlflow::has_form(root) ? root_of_other(root) : root;
  }

  /// How reports call the files, and what their metadata says. The version, not the alias or stage: those may mean another
  /// one tomorrow.
  void name_it(const std::string& version) {
    auto& facts = listing_.metadata;
    const bool run = reference_.kind == Reference::Kind::run;
    shown_ = (run ? "runs:/" : "models:/") + reference_.name + (version.empty() ? "" : "/" + version);
    facts.emplace_back(run ? "source.run" : "source.model", reference_.name);
    if (!version.empty()) facts.emplace_back("source.version", version);
    if (reference_.kind == Reference::Kind::alias) facts.emplace_back("source.alias", reference_.which);
    if (reference_.kind == Reference::Kind::stage) facts.emplace_back("source.stage", reference_.which);
  }

  /// The folder that a store names; there is no server here that could proxy anything.
  static std::string local_path(const std::string& uri) {
    const mlflow::Root root = mlflow::parse_root(uri, "");
    if (const auto* folder = std::get_if<mlflow::LocalRoot>(&root)) return folder->path;
    throw SourceFailure(Errc::unsupported, "the artifacts are behind an MLflow server; set MLFLOW_TRACKING_URI to its address");
  }

  /// Early servers of MLflow 3 name the logged model, not where it lies.
  std::string root_of_other(const std::string& uri) {
    const Reference other = mlflow::parse_reference(uri);
    if (other.kind != Reference::Kind::logged_model || !other.below.empty()) {
      throw SourceFailure(Errc::unsupported, "the server names " + uri.substr(0, uri.find('/')) + "/… as the place of the artifacts; name that instead");
    }
    return ask("mlflow/logged-models/" + percent_encode(other.name), "", mlflow::parse_logged_model_root);
  }

  std::string find_version(const std::string& name) {
    switch (reference_.kind) {
      case Reference::Kind::alias: {
        const std::string query = "name=" + name + "&alias=" + percent_encode(reference_.which);
        return ask("mlflow/registered-models/alias", query, mlflow::parse_model_version).version;
      }
      case Reference::Kind::stage: return latest_version("name=" + name + "&stages=" + percent_encode(reference_.which));
      case Reference::Kind::latest: return latest_version("name=" + name);
      default: return reference_.which;
    }
  }

  /// The highest number: without a stage, the server gives the latest of each.
  std::string latest_version(const std::string& query) {
    const auto versions = ask("mlflow/registered-models/get-latest-versions", query,
                              [](std::string_view json) { return mlflow::parse_latest_versions(json, k_most_versions); });
    const auto number = [](const mlflow::ModelVersion& v) { return std::stoull(v.version); };  // digits, as the parser saw to it
    const auto latest = std::max_element(versions.begin(), versions.end(), [&](const auto& a, const auto& b) { return number(a) < number(b); });
    if (latest == versions.end()) {
      throw SourceFailure(Errc::not_found, "the model " + reference_.name + " has no version" +
                                               (reference_.which.empty() || reference_.kind == Reference::Kind::latest ? "" : " in stage " + reference_.which));
    }
    return latest->version;
  }

  /// All pages of a folder below the server's artifacts.
  std::vector<mlflow::Artifact> list_folder(const std::string& path) {
    if (++folders_ > options_.listing_folders) {
      throw SourceFailure(Errc::limit, shown_ + " has more than " + std::to_string(options_.listing_folders) + " folders; name one of them");
    }
    std::vector<mlflow::Artifact> all;
    std::set<std::string> tokens;
    std::string token;
    do {
      const std::string query = "path=" + percent_encode(path) + (token.empty() ? "" : "&page_token=" + percent_encode(token));
      auto page = ask(std::string(k_artifacts), query,
                      [&](std::string_view json) { return mlflow::parse_artifacts(json, most_ - std::min(entries_, most_)); });
      entries_ += static_cast<std::uint32_t>(page.artifacts.size());
      std::move(page.artifacts.begin(), page.artifacts.end(), std::back_inserter(all));
      token = std::move(page.next_page);
      if (!token.empty() && (!tokens.insert(token).second || tokens.size() > most_)) {
        throw SourceFailure(Errc::malformed, "the server lists without end: it gives the same page again");
      }
    } while (!token.empty());
    return all;
  }

  void list_proxied(const std::string& root) {
    root_ = joined(root, reference_.below);
    base_ = joined(shown_, reference_.below);
    if (!reference_.below.empty() && !is_proxied_folder(root)) return;
    listing_.is_folder = true;
    enter({"", 0});
    if (listing_.files.empty() && listing_.errors.empty()) throw SourceFailure(Errc::not_found, "the server lists no artifacts for " + base_);
  }

  /// False for a file, which then is the only one listed. A file's own listing is empty: its folder has to be asked.
  bool is_proxied_folder(const std::string& root) {
    const std::string name = reference_.below.substr(reference_.below.rfind('/') + 1);
    const auto siblings = list_folder(joined(root, parent_of(reference_.below)));
    const auto found = std::find_if(siblings.begin(), siblings.end(), [&](const auto& artifact) { return artifact.path == name; });
    if (found == siblings.end()) throw SourceFailure(Errc::not_found, "there is no " + reference_.below + " among the artifacts of " + shown_);
    if (found->folder) return true;
    add_file(name, root_, base_, found->size);
    return false;
  }

  void enter(const Folder& folder) {
    if (folder.depth > options_.listing_depth) {
      return fail(folder.name, Errc::limit, "folders are nested deeper than " + std::to_string(options_.listing_depth) + " levels");
    }
    std::set<std::string> seen;
    for (const mlflow::Artifact& artifact : list_folder(joined(root_, folder.name))) {
      const std::string name = joined(folder.name, artifact.path);
      if (const auto why = why_unusable_encoded(artifact.path)) {
        fail(name, Errc::refused, "the server lists " + *why + "; not fetched");
      } else if (!seen.insert(artifact.path).second) {
        fail(name, Errc::refused, "the server lists this name twice");
      } else if (artifact.folder) {
        enter({name, folder.depth + 1});
      } else {
        add_file(name, joined(root_, name), joined(base_, name), artifact.size);
      }
    }
  }

  void add_file(const std::string& name, const std::string& path, const std::string& shown, std::optional<std::uint64_t> size) {
    RemoteFile file;
    file.name = name;
    file.shown = shown;
    file.request = driver_.request_for(std::string(k_artifacts) + "/" + encoded_path(path), "");
    file.size = size;
    listing_.files.push_back(std::move(file));
  }

  void begin_in_store(const fs::path& store);
  /// `store`: a folder that is the user's own, or empty.
  void list_local(const std::string& root, const fs::path& store);
  void add_local(const fs::path& path, const std::string& name);

  void fail(const std::string& name, Errc code, const std::string& message) {
    listing_.errors.push_back({joined(base_, name), code, message});
  }
  [[noreturn]] void fail_entries() const {
    throw SourceFailure(Errc::limit, shown_ + " has more than " + std::to_string(most_) + " artifacts; name a folder of it");
  }

  const MlflowDriver& driver_;
  const SourceOptions& options_;
  Reference reference_;
  HttpClient& client_;
  RemoteListing& listing_;
  const std::uint32_t most_;
  std::string shown_;   ///< "models:/NAME/VERSION"
  std::string base_;    ///< the same with the path in the reference
  std::string root_;    ///< what the reference names, below the server's artifacts
  std::uint64_t bytes_ = 0;
  std::uint32_t entries_ = 0;
  std::uint32_t folders_ = 0;
};

void MlflowDriver::Walk::begin_in_store(const fs::path& store) {
  std::error_code error;
  const fs::path folder = fs::canonical(store, error);
  if (error || !fs::is_directory(folder, error)) {
    throw SourceFailure(Errc::not_found, "there is no folder " + store.string() + ", which MLFLOW_TRACKING_URI names as the tracking store");
  }
  const mlflow::StoreEntry entry = mlflow::find_in_store(folder, reference_);
  name_it(entry.version);
  listing_.metadata.insert(listing_.metadata.begin(), {"source.server", "file://" + folder.string()});
  if (mlflow::has_form(entry.artifact_uri)) {
    const Reference other = mlflow::parse_reference(entry.artifact_uri);
    const std::string uri = mlflow::find_in_store(folder, other).artifact_uri;
    return list_local(local_path(uri) + (other.below.empty() ? "" : "/" + other.below), folder);
  }
  list_local(local_path(entry.artifact_uri), folder);
}

/// A folder of this host, as the server says: read only where the user allows it, or a server could have any file read.
void MlflowDriver::Walk::list_local(const std::string& root, const fs::path& store) {
  std::error_code error;
  const fs::path folder = fs::canonical(root, error);
  std::vector<std::string> allowed;
  if (!store.empty()) allowed.push_back(store.string());
  for (const std::string& entry : driver_.mlflow_.allowed_artifact_uris) {
    std::error_code missing;
    const std::string_view path = std::string_view(entry).substr(entry.starts_with("file://") ? 7 : 0);
    const fs::path real = fs::canonical(fs::path(path), missing);
    if (path.starts_with('/') && !missing) allowed.push_back(real.string());
  }
  if (error || !mlflow::is_allowed(folder.string(), allowed)) {
    throw SourceFailure(Errc::refused, "the artifacts are in the folder " + root +
                                           ", says the server; if it is on this host and may be read, name it in MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS");
  }
  base_ = joined(shown_, reference_.below);
  const fs::path start = reference_.below.empty() ? folder : folder / reference_.below;
  const fs::path real = fs::canonical(start, error);
  if (error) throw SourceFailure(Errc::not_found, "there is no " + base_ + " in the folder of the artifacts");
  if (!mlflow::is_allowed(real.string(), {folder.string()})) throw SourceFailure(Errc::refused, base_ + " leads out of the folder of the artifacts");
  if (fs::is_regular_file(real, error)) return add_local(real, real.filename().string());
  listing_.is_folder = true;
  for (fs::recursive_directory_iterator it(real, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().lexically_relative(real).string();
    if (++entries_ > most_) fail_entries();
    if (it.depth() > static_cast<int>(options_.listing_depth)) {
      fail(name, Errc::limit, "folders are nested deeper than " + std::to_string(options_.listing_depth) + " levels");
      it.disable_recursion_pending();
      continue;
    }
    const fs::file_status status = it->symlink_status(error);
    if (fs::is_regular_file(status)) add_local(it->path(), name);
    if (!fs::is_regular_file(status) && !fs::is_directory(status)) fail(name, Errc::refused, "neither file nor folder; artifacts have no links");
  }
  if (error) throw SourceFailure(Errc::io_error, "the folder of the artifacts, " + root + ", cannot be read whole");
  if (listing_.files.empty() && listing_.errors.empty()) throw SourceFailure(Errc::not_found, "there are no artifacts in " + root);
}

void MlflowDriver::Walk::add_local(const fs::path& path, const std::string& name) {
  RemoteFile file;
  file.name = name;
  file.shown = reference_.below.empty() || listing_.is_folder ? joined(base_, name) : base_;
  file.local = path;
  listing_.files.push_back(std::move(file));
}

RemoteListing MlflowDriver::list(std::string_view reference, HttpClient& client) const {
  RemoteListing listing;
  Walk(*this, mlflow::parse_reference(reference), client, listing).begin();
  return listing;
}

}  // namespace

std::unique_ptr<Driver> make_mlflow_driver(const SourceOptions& options) { return std::make_unique<MlflowDriver>(options); }

}  // namespace modelaudit::sources
