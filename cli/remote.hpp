/// @file
/// References to models on servers. The library that fetches them is loaded when the first one is named.
#pragma once

#include <chrono>
#include <modelaudit/sources.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace modelaudit::cli {

/// What the command line says about fetching.
struct SourceWords {
  bool stream = false;
  std::vector<std::string> allowed_hosts;
  std::string keep_downloads;
};

/// Declares --stream, --allow-host and --keep-downloads.
void declare_source_options(CLI::App& app, SourceWords& words);

/// True for what is no local path by its form: "scheme://…" and "models:/…".
bool is_remote(std::string_view word);

/// A reference as it may be shown: without user name, password and query.
std::string without_secrets(std::string_view reference);

/// The functions of libmodelaudit_sources, or nullptr when it cannot be loaded; then `why` says so in one sentence.
const SourceFunctions* source_functions(std::string& why);

/// The environment's options with the command line's over them. @throws UsageError for a size that is none.
SourceOptions source_options(const SourceWords& words, const SourceFunctions& functions,
                             std::chrono::milliseconds time_limit);

}  // namespace modelaudit::cli
