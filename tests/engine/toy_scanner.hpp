#pragma once

#include <functional>
#include <memory>
#include <string>

#include "modelaudit/scanner.hpp"

namespace modelaudit::test {

/// A scanner whose two functions are given by the test.
class ToyScanner final : public Scanner {
 public:
  using MatchFunction = std::function<Match(const Probe&)>;
  using ScanFunction = std::function<void(ScanContext&)>;

  ToyScanner(std::string id, MatchFunction match, ScanFunction scan) : match_(std::move(match)), scan_(std::move(scan)) {
    info_.id = std::move(id);
    info_.description = "made by a test";
  }
  const ScannerInfo& info() const noexcept override { return info_; }
  Match match(const Probe& probe) const override { return match_(probe); }
  void scan(ScanContext& context) const override { scan_(context); }

 private:
  ScannerInfo info_;
  MatchFunction match_;
  ScanFunction scan_;
};

inline ToyScanner::MatchFunction starts_with(std::string literal, Match match = Match::strong) {
  return [literal = std::move(literal), match](const Probe& probe) {
    return probe.head().starts_with(literal) ? match : Match::no;
  };
}

inline constexpr Rule k_toy_rule{"toy-seen", "Toy", Severity::critical, "A test saw it.", "Nothing.", "", ""};

}  // namespace modelaudit::test
