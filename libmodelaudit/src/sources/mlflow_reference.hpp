#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelaudit::sources::mlflow {

/// What a reference to MLflow names. Names stand as they are written: MLflow decodes nothing in these.
struct Reference {
  enum class Kind {
    version,       ///< models:/NAME/7
    latest,        ///< models:/NAME/latest
    stage,         ///< models:/NAME/Production
    alias,         ///< models:/NAME@champion
    logged_model,  ///< models:/m-0123456789abcdef0123456789abcdef
    run,           ///< runs:/RUN_ID
  };
  Kind kind = Kind::version;
  std::string name;      ///< of the registered model; id of the logged model or run
  std::string which;     ///< version, stage or alias
  std::string below;     ///< path of a file or folder among the artifacts; empty: all of them
};

/// models:/… and runs:/…, whatever follows.
bool has_form(std::string_view reference) noexcept;

/// Takes a reference apart. @throws SourceFailure that says what is wrong with it.
Reference parse_reference(std::string_view reference);

/// Where artifacts lie, from the `artifact_uri` that a server states.
struct ProxiedRoot {
  std::string path;   ///< below the server's own artifacts, without a slash at either end
};
struct LocalRoot {
  std::string path;   ///< absolute
};
using Root = std::variant<ProxiedRoot, LocalRoot>;

/// `own` is "host" or "host:port" of the tracking server. @throws SourceFailure for roots elsewhere.
Root parse_root(std::string_view uri, std::string_view own);

/// Is an absolute path one of the allowed ones ("/models", "file:///models") or below it?
bool is_allowed(std::string_view path, const std::vector<std::string>& allowed);

}  // namespace modelaudit::sources::mlflow
