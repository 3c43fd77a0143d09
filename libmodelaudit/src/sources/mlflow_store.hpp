#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "sources/mlflow_reference.hpp"

// A tracking store of MLflow in a folder ("mlruns"), which it uses without a server:
//
//   models/NAME/version-7/meta.yaml    storage_location, source, current_stage
//   models/NAME/aliases/ALIAS          the version, as text
//   EXPERIMENT/RUN_ID/meta.yaml        artifact_uri
//   EXPERIMENT/models/ID/meta.yaml     artifact_location

namespace modelaudit::sources::mlflow {

/// The folder that a tracking URI names: "file:///path", "file:path", "path"; nothing for a URI of another kind.
std::optional<std::filesystem::path> store_folder(std::string_view tracking_uri);

/// The text behind a key on the top level of a meta.yaml: plain or quoted, perhaps folded. Empty when there is none.
std::string yaml_text(std::string_view yaml, std::string_view key);

/// What the store says of a reference.
struct StoreEntry {
  std::string version;        ///< empty for runs and logged models
  std::string artifact_uri;
};

/// @throws SourceFailure when the store does not know it.
StoreEntry find_in_store(const std::filesystem::path& store, const Reference& reference);

}  // namespace modelaudit::sources::mlflow
