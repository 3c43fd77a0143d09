#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/input.hpp"
#include "modelaudit/auditor.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::engine {

class Surroundings;

/// What one scan of a top-level input yields: the facts, and what they rest on.
struct ScanOutcome {
  ScanResult result;
  Trace trace;  ///< ranges and questions; identity where there is a file; digests when they were asked for
};

/// A top-level file to scan.
struct FileScan {
  int fd = -1;                        ///< an open regular file; stays the caller's
  std::string_view name;              ///< where name questions are answered
  std::string_view shown;             ///< what reports show
  const Limits* limits = nullptr;     ///< nullptr: those of the options
  FileInput::ReadCallback on_read = {};
  TraceNeed need = TraceNeed::none;
  /// Where its siblings lie; nothing: no sibling is looked at. An empty path is the working folder.
  std::optional<std::filesystem::path> folder = {};
};

/// Identifies and scans one input and everything inside it.
///
/// @par Threads  stateless; any number at once.
class Engine {
 public:
  Engine(const ScannerRegistry& registry, const Options& options) : registry_(registry), options_(options) {}

  ScanOutcome scan_descriptor(const FileScan& file) const;
  /// Bytes that the caller holds.
  ScanOutcome scan_buffer(std::span<const std::byte> bytes, std::string_view name) const;

  const ScannerRegistry& registry() const noexcept { return registry_; }
  const Options& options() const noexcept { return options_; }

 private:
  void run(Input& input, std::string_view name, Budget& budget, Surroundings* surroundings, ScanOutcome& outcome) const;

  const ScannerRegistry& registry_;
  const Options& options_;
};

}  // namespace modelaudit::engine
