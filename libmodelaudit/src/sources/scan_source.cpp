#include <algorithm>
#include <memory>

#include "modelaudit/error.hpp"
#include "modelaudit/sources.hpp"
#include "sources/curl_client.hpp"
#include "sources/driver.hpp"
#include "sources/source_scan.hpp"

namespace modelaudit {
namespace {

using namespace sources;

std::vector<std::unique_ptr<Driver>> drivers(const SourceOptions& options) {
  std::vector<std::unique_ptr<Driver>> all;
  all.push_back(make_jfrog_driver(options));
  all.push_back(make_mlflow_driver(options));
  return all;
}

std::unique_ptr<Driver> driver_for(std::string_view reference, const SourceOptions& options) {
  for (auto& driver : drivers(options)) {
    if (driver->recognises(reference)) return std::move(driver);
  }
  return nullptr;
}

/// A reference without what must not reach a report: user information and query.
std::string shown(std::string_view reference) {
  if (const auto url = Url::parse(reference)) return url->shown();
  std::string text(reference.substr(0, reference.find_first_of("?#")));
  const auto slashes = text.find("://");
  if (slashes == std::string::npos) return text;
  const auto host_end = std::min(text.find('/', slashes + 3), text.size());
  const auto at = text.rfind('@', host_end);
  if (at != std::string::npos && at > slashes) text.replace(slashes + 3, at - slashes - 3, "...");
  return text;
}

/// Why no driver takes it, and what would help.
TargetError why_not(std::string_view reference) {
  const auto url = Url::parse(reference);
  const bool is_http = reference.starts_with("http://") || reference.starts_with("https://");
  if (is_http && !url) return {shown(reference), Errc::refused, url.error().what};
  if (url && url->path.find("/artifactory/") != std::string::npos) {
    if (!url->query.empty()) return {shown(reference), Errc::unsupported, "leave out what follows the '?': a repository and a path name an artifact"};
    return {shown(reference), Errc::refused,
            url->authority() + " is not known as an Artifactory server; if it is yours, name it in MODELAUDIT_JFROG_ALLOWED_HOSTS"};
  }
  return {shown(reference), Errc::unsupported,
          "no known source; https://HOST/artifactory/REPOSITORY/PATH and models:/NAME/VERSION are, anything else has to be downloaded and scanned as files"};
}

void check(const SourceOptions& options) {
  if (options.attempts == 0) throw Error("SourceOptions::attempts must be 1 or more");
  if (options.time_limit.count() <= 0 || options.request_time_limit.count() <= 0) throw Error("the time limits of a source must be positive");
}

/// A driver with its client, and what it lists.
struct Opened {
  std::unique_ptr<Driver> driver;
  std::unique_ptr<SourceOptions> transport;  ///< that the client refers to
  std::unique_ptr<HttpClient> client;
  RemoteListing listing;
};

/// Nothing when the reference cannot be listed; then an error says why.
std::optional<Opened> open(const Auditor& auditor, std::string_view reference, const SourceOptions& options,
                           std::vector<TargetError>& errors) {
  check(options);
  Opened opened;
  opened.driver = driver_for(reference, options);
  if (!opened.driver) {
    errors.push_back(why_not(reference));
    return std::nullopt;
  }
  opened.transport = std::make_unique<SourceOptions>(opened.driver->transport(options));
  opened.client = make_curl_client(*opened.transport, opened.driver->trusted_hosts(), auditor.options().stop);
  try {
    opened.listing = opened.driver->list(reference, *opened.client);
  } catch (const SourceFailure& failure) {
    if (failure.code() != Errc::cancelled) errors.push_back({shown(reference), failure.code(), failure.what()});
    return std::nullopt;
  }
  std::sort(opened.listing.files.begin(), opened.listing.files.end(), [](const RemoteFile& a, const RemoteFile& b) { return a.name < b.name; });
  return opened;
}

}  // namespace

bool is_reference(std::string_view word, const SourceOptions& options) { return driver_for(word, options) != nullptr; }

ScanReport scan_source(const Auditor& auditor, std::string_view reference, const SourceOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  ScanReport report;
  if (auto opened = open(auditor, reference, options, report.errors)) {
    SourceScan(auditor, *opened->driver, *opened->client, options, shown(reference), std::move(opened->listing)).run(report);
  }
  report.interrupted = report.interrupted || auditor.options().stop.stop_requested();
  report.duration_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started).count());
  return report;
}

SourcePlan plan_source(const Auditor& auditor, std::string_view reference, const SourceOptions& options) {
  SourcePlan plan;
  if (auto opened = open(auditor, reference, options, plan.errors)) {
    for (const RemoteFile& file : opened->listing.files) plan.files.push_back({file.shown, file.size, file.sha256});
    plan.errors.insert(plan.errors.end(), opened->listing.errors.begin(), opened->listing.errors.end());
  }
  return plan;
}

}  // namespace modelaudit

const modelaudit::SourceFunctions* modelaudit_source_functions() noexcept {
  static constexpr modelaudit::SourceFunctions functions{MODELAUDIT_VERSION, &modelaudit::source_options_from_environment,
                                                         &modelaudit::scan_source, &modelaudit::plan_source};
  return &functions;
}
