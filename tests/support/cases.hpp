#pragma once

#include <filesystem>

namespace modelaudit::test {

/// Runs the golden cases of a folder: for each NAME.hex (see from_hex) there is a NAME.expected.json:
///
///     {"name": "model.gguf",              what the scan is told, optional: NAME
///      "verdict": "malicious",
///      "complete": true,                   optional: not checked when left out
///      "rules": ["gguf-ssti"],             each must be reported; exactly these at warning and above
///      "gaps": ["truncated"]}              kinds, exactly these, in order; optional
///
/// Fails when the folder has no case at all.
void run_cases(const std::filesystem::path& folder);

}  // namespace modelaudit::test
