// What an MLflow server says: its replies, and where it says that the artifacts lie.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "modelaudit/error.hpp"
#include "sources/http_client.hpp"
#include "sources/mlflow_reference.hpp"
#include "sources/mlflow_replies.hpp"
#include "sources/names.hpp"

namespace {

using namespace modelaudit;
using namespace modelaudit::sources;

template <typename Read>
void attempt(Read read) {
  try {
    read();
  } catch (const Malformed&) {
  } catch (const SourceFailure&) {
  }
}

void check_root(std::string_view uri) {
  const mlflow::Root root = mlflow::parse_root(uri, "host");
  const auto* proxied = std::get_if<mlflow::ProxiedRoot>(&root);
  const std::string& path = proxied != nullptr ? proxied->path : std::get<mlflow::LocalRoot>(root).path;
  if (("/" + path + "/").find("/../") != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint32_t k_most = 50;
  const std::string_view text = ByteView(std::as_bytes(std::span(data, size))).text();
  attempt([&] { (void)mlflow::parse_download_uri(text); });
  attempt([&] { (void)mlflow::parse_model_version(text); });
  attempt([&] { (void)mlflow::parse_run_root(text); });
  attempt([&] { (void)mlflow::parse_logged_model_root(text); });
  attempt([&] { if (mlflow::parse_latest_versions(text, k_most).size() > k_most) std::abort(); });
  attempt([&] { if (mlflow::parse_artifacts(text, k_most).artifacts.size() > k_most) std::abort(); });
  attempt([&] { check_root(text); });
  attempt([&] {
    if (!mlflow::has_form(text)) return;
    const mlflow::Reference reference = mlflow::parse_reference(text);
    if (!reference.below.empty() && why_unusable_path(reference.below)) std::abort();
  });
  return 0;
}
