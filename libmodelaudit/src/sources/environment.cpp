#include <cstdlib>

#include "modelaudit/sources.hpp"

namespace modelaudit {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string first_of(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string value = variable(name); !value.empty()) return value;
  }
  return {};
}

/// As MLflow's client reads it.
bool is_true(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text == "true" || text == "1";
}

/// "a, b:8443": commas and spaces between.
std::vector<std::string> list_of(const std::string& text) {
  constexpr const char* k_between = ", \t\r\n";
  std::vector<std::string> entries;
  for (std::size_t at = text.find_first_not_of(k_between); at != std::string::npos;) {
    const std::size_t end = text.find_first_of(k_between, at);
    entries.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(k_between, end);
  }
  return entries;
}

}  // namespace

SourceOptions source_options_from_environment() {
  SourceOptions options;
  options.jfrog.api_key = Secret(variable("JFROG_API_TOKEN"));
  options.jfrog.access_token = Secret(variable("JFROG_ACCESS_TOKEN"));
  options.jfrog.hosts = list_of(variable("MODELAUDIT_JFROG_ALLOWED_HOSTS"));
  options.jfrog.redirect_hosts = list_of(variable("MODELAUDIT_JFROG_ALLOWED_REDIRECT_HOSTS"));
  options.mlflow.tracking_uri = variable("MLFLOW_TRACKING_URI");
  options.mlflow.token = Secret(variable("MLFLOW_TRACKING_TOKEN"));
  options.mlflow.username = variable("MLFLOW_TRACKING_USERNAME");
  options.mlflow.password = Secret(variable("MLFLOW_TRACKING_PASSWORD"));
  options.mlflow.insecure_tls = is_true(variable("MLFLOW_TRACKING_INSECURE_TLS"));
  options.mlflow.server_cert = variable("MLFLOW_TRACKING_SERVER_CERT_PATH");
  options.mlflow.allowed_artifact_uris = list_of(variable("MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS"));
  options.proxy = first_of({"https_proxy", "HTTPS_PROXY"});
  options.no_proxy = first_of({"no_proxy", "NO_PROXY"});
  options.ca_file = first_of({"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"});
  return options;
}

}  // namespace modelaudit
