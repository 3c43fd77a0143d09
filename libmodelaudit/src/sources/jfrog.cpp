// JFrog Artifactory: `GET /artifactory/api/storage/REPOSITORY/PATH` tells about a file or lists a folder,
// with `?list&deep=1` for a whole tree at once where the edition has that, `GET /artifactory/REPOSITORY/PATH` is the file
// (Artifactory REST API).
#include <set>

#include "modelaudit/error.hpp"
#include "sources/driver.hpp"
#include "sources/jfrog_listing.hpp"
#include "sources/names.hpp"

namespace modelaudit::sources {
namespace {

constexpr std::string_view k_root = "/artifactory/";
constexpr std::string_view k_storage = "api/storage/";

/// A reference taken apart.
struct Place {
  Url url;                  ///< of the server
  std::string base;         ///< path up to and with "/artifactory/"
  std::string below;        ///< "repository/path", percent-encoded, without a slash at either end

  Url at(std::string_view prefix, const std::string& where) const {
    Url out = url;
    out.path = base + std::string(prefix) + where;
    return out;
  }
};

bool is_cloud(const Url& url) { return url.tls && url.port == 443 && url.host.ends_with(".jfrog.io"); }

std::optional<Place> place_of(std::string_view reference) {
  const auto url = Url::parse(reference);
  if (!url || !url->query.empty()) return std::nullopt;
  const auto root = url->path.find(k_root);
  if (root == std::string::npos) return std::nullopt;
  Place place{*url, url->path.substr(0, root + k_root.size()), url->path.substr(root + k_root.size())};
  if (place.below.starts_with(k_storage)) place.below.erase(0, k_storage.size());
  while (place.below.ends_with('/')) place.below.pop_back();
  if (place.below.empty()) return std::nullopt;
  return place;
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

class JfrogDriver final : public Driver {
 public:
  explicit JfrogDriver(const SourceOptions& options) : options_(options) {}

  const char* type() const noexcept override { return "jfrog"; }

  bool recognises(std::string_view reference) const override {
    const auto place = place_of(reference);
    return place && (gets_credentials(place->url) || is_listed(place->url, options_.allowed_hosts));
  }

  std::vector<std::string> trusted_hosts() const override {
    std::vector<std::string> hosts = options_.jfrog.hosts;
    hosts.insert(hosts.end(), options_.jfrog.redirect_hosts.begin(), options_.jfrog.redirect_hosts.end());
    return hosts;
  }

  std::string advice(const Url& url, unsigned status) const override {
    if (status != 401 && status != 403) return {};
    const bool have = !options_.jfrog.api_key.empty() || !options_.jfrog.access_token.empty();
    if (!have) return "set JFROG_ACCESS_TOKEN or JFROG_API_TOKEN";
    if (!gets_credentials(url)) return "credentials go only to hosts named in MODELAUDIT_JFROG_ALLOWED_HOSTS: " + url.authority() + " is not";
    return options_.jfrog.api_key.empty() ? "check JFROG_ACCESS_TOKEN" : "check JFROG_API_TOKEN";
  }

  RemoteListing list(std::string_view reference, HttpClient& client) const override;

 private:
  class Walk;

  bool gets_credentials(const Url& url) const { return is_cloud(url) || is_listed(url, options_.jfrog.hosts); }
  bool may_redirect_to(const Url& url) const { return gets_credentials(url) || is_listed(url, options_.jfrog.redirect_hosts); }

  HttpRequest request_for(Url url) const {
    HttpRequest request;
    request.may_redirect_to = [this](const Url& to) { return may_redirect_to(to); };
    if (gets_credentials(url)) {
      if (!options_.jfrog.api_key.empty()) {
        request.credentials.push_back({"X-JFrog-Art-Api", options_.jfrog.api_key});
      } else if (!options_.jfrog.access_token.empty()) {
        request.credentials.push_back({"Authorization", Secret("Bearer " + options_.jfrog.access_token.reveal())});
      }
    }
    request.url = std::move(url);
    return request;
  }

  const SourceOptions& options_;
};

/// Collects the files below one reference.
class JfrogDriver::Walk {
 public:
  Walk(const JfrogDriver& driver, const Place& place, HttpClient& client, RemoteListing& listing)
      : driver_(driver), options_(driver.options_), place_(place), client_(client), listing_(listing) {}

  void begin() {
    const jfrog::StorageInfo info = ask(place_.below);
    listing_.is_folder = info.folder;
    if (info.folder) {
      if (!list_at_once()) enter({place_.below, "", 0}, info);
      return;
    }
    const auto name = percent_decode(last_component(place_.below));
    add_file(place_.below, name.value_or(""), info);
  }

 private:
  struct Folder {
    std::string below;     ///< percent-encoded, from the repository on
    std::string name;      ///< relative to the reference, decoded, with a '/' at the end unless empty
    std::uint32_t depth;
  };

  std::string get(const HttpRequest& request, HttpReply& reply) {
    std::string text = get_text(client_, request, &reply);
    bytes_ += text.size();
    return text;
  }

  HttpRequest storage_request(const std::string& below) const {
    HttpRequest request = driver_.request_for(place_.at(k_storage, below));
    request.time_limit = options_.request_time_limit;
    request.max_bytes = options_.listing_bytes - std::min(bytes_, options_.listing_bytes);
    return request;
  }

  /// One request for all files below. False where the server does not offer that: then each folder and file is asked for.
  bool list_at_once() {
    HttpRequest request = storage_request(place_.below);
    request.url.query = "list&deep=1&listFolders=0";
    HttpReply reply;
    const std::string text = get(request, reply);
    if (reply.status != 200) return false;
    try {
      for (jfrog::ListedFile& file : jfrog::parse_file_list(text, options_.listing_entries)) add_listed(std::move(file));
      return true;
    } catch (const Malformed& malformed) {
      if (malformed.failure().code == Errc::limit) fail_entries();
      return false;
    }
  }

  void add_listed(jfrog::ListedFile file) {
    std::string below = place_.below;
    std::optional<std::string> why;
    std::uint32_t depth = 0;
    for (std::size_t at = 0; at <= file.path.size(); ++depth) {
      const auto slash = std::min(file.path.find('/', at), file.path.size());
      const std::string component = file.path.substr(at, slash - at);
      if (!why) why = why_unusable_name(component);
      below += "/" + percent_encode(component);
      at = slash + 1;
    }
    if (why) return fail(below, Errc::refused, "the server lists " + *why + "; not fetched");
    if (depth > options_.listing_depth + 1) return fail_depth(below);
    jfrog::StorageInfo info;
    info.size = file.size;
    info.sha256 = file.sha256;
    add_file(below, file.path, info);
  }

  jfrog::StorageInfo ask(const std::string& below) {
    const HttpRequest request = storage_request(below);
    HttpReply reply;
    const std::string text = get(request, reply);
    if (reply.status != 200) throw failure_of(driver_, request, reply);
    try {
      return jfrog::parse_storage_info(text, options_.listing_entries - std::min(entries_, options_.listing_entries));
    } catch (const Malformed& malformed) {
      if (malformed.failure().code == Errc::limit) fail_entries();
      throw SourceFailure(Errc::malformed, "the server does not answer as Artifactory does (" + std::string(malformed.failure().what) +
                                               "); is it a log-in page or another server?");
    }
  }

  void enter(const Folder& folder, const jfrog::StorageInfo& info) {
    if (++folders_ > options_.listing_folders) {
      throw SourceFailure(Errc::limit, place_.url.shown() + " has more than " + std::to_string(options_.listing_folders) + " folders; name one of them");
    }
    if (folder.depth > options_.listing_depth) return fail_depth(folder.below);
    entries_ += static_cast<std::uint32_t>(info.children.size());
    std::set<std::string> seen;
    for (const jfrog::Child& child : info.children) {
      const std::string below = folder.below + "/" + percent_encode(child.name);
      if (const auto why = why_unusable_name(child.name)) {
        fail(below, Errc::refused, "the server lists " + *why + "; not fetched");
      } else if (seen.insert(child.name).second) {
        add_child({below, folder.name + child.name, folder.depth + 1}, child.folder);
      } else {
        fail(below, Errc::refused, "the server lists this name twice");
      }
    }
  }

  static std::optional<std::string> why_unusable_name(const std::string& name) {
    if (name.find_first_of("?#") != std::string::npos) return "a name with a query or fragment";
    return why_unusable_encoded(name);
  }

  void add_child(Folder child, bool folder) {
    jfrog::StorageInfo info;
    try {
      info = ask(child.below);
    } catch (const SourceFailure& failure) {
      if (failure.code() == Errc::cancelled || failure.code() == Errc::limit) throw;
      return fail(child.below, failure.code(), failure.what());
    }
    if (info.folder != folder) return fail(child.below, Errc::malformed, "the server says folder here and file there");
    if (!folder) return add_file(child.below, child.name, info);
    child.name += '/';
    enter(child, info);
  }

  void add_file(const std::string& below, const std::string& name, const jfrog::StorageInfo& info) {
    RemoteFile file;
    file.name = name;
    file.request = driver_.request_for(place_.at("", below));
    file.shown = file.request.url.shown();
    file.size = info.size;
    file.sha256 = info.sha256;
    listing_.files.push_back(std::move(file));
  }

  void fail(const std::string& below, Errc code, const std::string& message) {
    listing_.errors.push_back({place_.at("", below).shown(), code, message});
  }
  void fail_depth(const std::string& below) {
    fail(below, Errc::limit, "folders are nested deeper than " + std::to_string(options_.listing_depth) + " levels");
  }
  [[noreturn]] void fail_entries() const {
    throw SourceFailure(Errc::limit, place_.url.shown() + " has more than " + std::to_string(options_.listing_entries) + " entries; name a folder of it");
  }

  const JfrogDriver& driver_;
  const SourceOptions& options_;
  const Place& place_;
  HttpClient& client_;
  RemoteListing& listing_;
  std::uint64_t bytes_ = 0;
  std::uint32_t entries_ = 0;
  std::uint32_t folders_ = 0;
};

RemoteListing JfrogDriver::list(std::string_view reference, HttpClient& client) const {
  const Place place = *place_of(reference);
  const std::string decoded = percent_decode(place.below).value_or("");
  for (std::size_t at = 0; at <= place.below.size();) {
    const auto slash = std::min(place.below.find('/', at), place.below.size());
    if (const auto why = why_unusable_encoded(std::string_view(place.below).substr(at, slash - at))) {
      throw SourceFailure(Errc::refused, "the reference has " + *why + "; check the spelling");
    }
    at = slash + 1;
  }
  RemoteListing listing;
  listing.metadata = {{"source.repository", decoded.substr(0, decoded.find('/'))}};
  Walk(*this, place, client, listing).begin();
  return listing;
}

}  // namespace

std::unique_ptr<Driver> make_jfrog_driver(const SourceOptions& options) { return std::make_unique<JfrogDriver>(options); }

}  // namespace modelaudit::sources
