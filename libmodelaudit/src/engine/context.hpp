#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/input.hpp"
#include "engine/probe.hpp"
#include "engine/surroundings.hpp"
#include "io/interval_set.hpp"
#include "modelaudit/budget.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::engine {

/// Kind of gap that a failure leaves.
GapKind gap_kind(Errc code) noexcept;

/// What is shared by all levels of one top-level scan.
struct Session {
  const ScannerRegistry& registry;
  Budget& budget;
  bool deep = false;
  Surroundings* surroundings = nullptr;                      ///< of the top-level file, where it lies in a folder
  std::vector<std::string> members = {};                     ///< names of the levels down to the one being scanned
  std::map<std::string, std::uint32_t> findings_per_rule = {};
  std::set<std::string> scanner_ids = {};
  std::uint64_t assets = 0;
  std::uint64_t assets_omitted = 0;
  bool stopped = false;        ///< cancelled or timed out: nothing more is begun
  bool deterministic = true;
  bool cacheable = true;
};

/// What was made of one input: by one scanner, then by all of them.
struct Outcome {
  std::vector<Finding> findings;
  std::vector<Gap> gaps;
  std::vector<Asset> assets;
  std::vector<std::pair<std::string, std::string>> metadata;
  io::IntervalSet covered;
  io::IntervalSet declared;

  void append(Outcome&& other);
};

/// One level: an input under a name, scanned by every scanner that claims it.
class Level {
 public:
  /// `questions` collects what is asked of a top-level name; nullptr for members.
  Level(Session& session, Input& input, std::string_view name, std::string_view role,
        std::vector<NameQuestion>* questions);

  /// Identifies and scans; never throws for the content.
  ChildOutcome scan();
  Outcome& outcome() noexcept { return outcome_; }

 private:
  friend class Context;
  using Claims = std::vector<const Scanner*>;

  void identify(Claims& strong, Claims& weak) const;
  Outcome run(const Scanner& scanner);
  bool run_strong(const Claims& scanners);
  bool run_weak(const Claims& scanners, bool nothing_strong);
  static void void_misreading(Outcome& made);
  void sweep_unrecognised();
  void record_damage();
  void record_holes();
  void add_asset(const std::vector<std::string>& formats);
  void add_gap(Outcome& outcome, GapKind kind, std::string what, Location where);
  void add_failure(Outcome& outcome, const Failure& failure);
  std::uint64_t known_size() const;

  Session& session_;
  Input& input_;
  InputProbe probe_;
  Outcome outcome_;
};

/// The ScanContext that one scanner sees.
class Context final : public ScanContext {
 public:
  /// `scanner_id` owns the metadata that is recorded.
  Context(Session& session, Level& level, std::string_view scanner_id, Outcome& outcome)
      : session_(session), level_(level), scanner_id_(scanner_id), outcome_(outcome) {}

  const Probe& probe() const override { return level_.probe_; }
  std::uint64_t size() const override;
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override { return level_.input_.bytes(offset, length); }
  std::unique_ptr<ForwardReader> stream() override { return level_.input_.stream(); }
  bool has_folder() const override { return session_.surroundings != nullptr && session_.members.empty(); }
  std::shared_ptr<Sibling> sibling(std::string_view relative_path) override;
  std::vector<std::string> listing(std::string_view pattern) override;
  void report(Finding finding) override;
  void inconclusive(GapKind kind, std::string what, Location where) override;
  void cover(std::uint64_t offset, std::uint64_t length) override { outcome_.covered.add(offset, length); }
  void cover_declared(std::uint64_t offset, std::uint64_t length) override { outcome_.declared.add(offset, length); }
  void metadata(std::string key, std::string value) override;
  ChildOutcome scan_child(Child child) override;
  Budget& budget() override { return session_.budget; }
  bool deep() const override { return session_.deep; }

 private:
  ChildOutcome scan_opened(const Child& child, Input& input);

  Session& session_;
  Level& level_;
  std::string_view scanner_id_;
  Outcome& outcome_;
};

}  // namespace modelaudit::engine
