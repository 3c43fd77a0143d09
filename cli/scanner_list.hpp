/// @file
/// The scanners there are, for people and programs.
#pragma once

#include <string>

namespace modelaudit::cli {

std::string scanners_as_text();
/// {"scanners": [{"id", "version", "description", "extensions"}]}
std::string scanners_as_json();

}  // namespace modelaudit::cli
