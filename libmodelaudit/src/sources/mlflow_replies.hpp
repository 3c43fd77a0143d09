#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The replies of an MLflow server that are read (MLflow REST API 2.0). Each function throws Malformed for anything that is
// no such reply, and (limit) for more records than `most`.

namespace modelaudit::sources::mlflow {

/// A version of a registered model.
struct ModelVersion {
  std::string version;   ///< a number, as text or as a number in the reply
  std::string run_id;    ///< of the run that made it; may be empty
};

/// A file or folder among the artifacts.
struct Artifact {
  std::string path;      ///< relative to the folder that was listed, as the server says it
  bool folder = false;
  std::optional<std::uint64_t> size;
};

struct ArtifactPage {
  std::vector<Artifact> artifacts;
  std::string next_page;   ///< token; empty: this was the last
};

/// `GET model-versions/get-download-uri`: {"artifact_uri": "…"}
std::string parse_download_uri(std::string_view json);
/// `GET registered-models/alias`: {"model_version": {…}}
ModelVersion parse_model_version(std::string_view json);
/// `GET registered-models/get-latest-versions`: {"model_versions": [{…}, …]}
std::vector<ModelVersion> parse_latest_versions(std::string_view json, std::uint32_t most);
/// `GET runs/get`: {"run": {"info": {"artifact_uri": "…"}}}
std::string parse_run_root(std::string_view json);
/// `GET logged-models/ID`: {"model": {"info": {"artifact_uri": "…"}}}
std::string parse_logged_model_root(std::string_view json);
/// `GET mlflow-artifacts/artifacts?path=P`: {"files": [{"path", "is_dir", "file_size"}, …], "next_page_token": "…"}
ArtifactPage parse_artifacts(std::string_view json, std::uint32_t most);

}  // namespace modelaudit::sources::mlflow
