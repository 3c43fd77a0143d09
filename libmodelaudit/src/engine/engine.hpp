#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/input.hpp"
#include "modelaudit/auditor.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::engine {

/// What one scan of a top-level input yields: the facts, and what they rest on.
struct ScanOutcome {
  ScanResult result;
  Trace trace;  ///< ranges and questions; identity where there is a file; digests when they were asked for
};

/// Identifies and scans one input and everything inside it.
///
/// @par Threads  stateless; any number at once.
class Engine {
 public:
  Engine(const ScannerRegistry& registry, const Options& options) : registry_(registry), options_(options) {}

  /// An open descriptor of a regular file. `name` is what reports show and where name questions are answered.
  ScanOutcome scan_descriptor(int fd, std::string_view name, std::string_view shown_path) const;
  /// The same with limits of the caller's own, telling how far it has come.
  ScanOutcome scan_descriptor(int fd, std::string_view name, std::string_view shown_path, const Limits& limits,
                              const FileInput::ReadCallback& on_read = {}, TraceNeed need = TraceNeed::none) const;
  /// Bytes that the caller holds.
  ScanOutcome scan_buffer(std::span<const std::byte> bytes, std::string_view name) const;

  const ScannerRegistry& registry() const noexcept { return registry_; }
  const Options& options() const noexcept { return options_; }

 private:
  void run(Input& input, std::string_view name, Budget& budget, ScanOutcome& outcome) const;

  const ScannerRegistry& registry_;
  const Options& options_;
};

}  // namespace modelaudit::engine
