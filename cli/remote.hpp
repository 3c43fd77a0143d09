/// @file
/// References to models on servers. The library that fetches them is loaded when the first one is named.
#pragma once

#include <modelaudit/sources.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelaudit::cli {

/// True for what is no local path by its form: "scheme://…" and "models:/…".
bool is_remote(std::string_view word);

/// A reference as it may be shown: without user name, password and query.
std::string without_secrets(std::string_view reference);

/// The functions of libmodelaudit_sources, or nullptr when it cannot be loaded; then `why` says so in one sentence.
const SourceFunctions* source_functions(std::string& why);

}  // namespace modelaudit::cli
