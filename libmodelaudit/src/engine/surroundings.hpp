#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/beside.hpp"
#include "modelaudit/auditor.hpp"
#include "modelaudit/budget.hpp"
#include "modelaudit/scanner.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::engine {

struct SiblingRecord;

/// What lies beside a top-level file, as far as its scan asks; every answer is recorded. The folder is opened when the
/// first question comes.
class Surroundings {
 public:
  Surroundings(std::filesystem::path folder, ReadStrategy strategy, Budget& budget, TraceNeed need);
  ~Surroundings();
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;

  /// nullptr: no such file, or none that may be opened. Throws Malformed: limit, io_error.
  std::shared_ptr<Sibling> sibling(std::string_view name);
  /// Throws Malformed: limit, io_error.
  std::vector<std::string> listing(std::string_view pattern);

  /// Writes all answers into the trace, sorted, with the digests it needs. False when a file that was read is not any
  /// more what it was.
  bool finish(Trace& trace);

 private:
  const io::Descriptor& folder();
  std::shared_ptr<SiblingRecord> begin_record(const std::string& relative);
  bool finish(SiblingRecord& record);

  std::filesystem::path path_;
  ReadStrategy strategy_;
  Budget& budget_;
  TraceNeed need_;
  io::Descriptor folder_;
  std::map<std::string, std::shared_ptr<SiblingRecord>> siblings_;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> listings_;
  MemoryCharge held_;
};

}  // namespace modelaudit::engine
