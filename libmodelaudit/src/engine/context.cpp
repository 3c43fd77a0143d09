#include "engine/context.hpp"

#include <algorithm>
#include <new>

#include "detect/sweep.hpp"

namespace modelaudit::engine {
namespace {

constexpr std::uint64_t k_assets = 4096;          // listed a file; more are counted
constexpr std::size_t k_holes_listed = 16;
constexpr std::size_t k_metadata = 512;
constexpr std::uint64_t k_swept = std::uint64_t{64} << 20;  // of an input that nobody recognised

bool stops_everything(Errc code) noexcept { return code == Errc::cancelled || code == Errc::timed_out; }

bool depends_on_more_than_bytes(Errc code) noexcept {
  return stops_everything(code) || code == Errc::io_error || code == Errc::changed;
}

}  // namespace

GapKind gap_kind(Errc code) noexcept {
  switch (code) {
    case Errc::truncated: return GapKind::truncated;
    case Errc::unsupported: return GapKind::unsupported;
    case Errc::limit: return GapKind::limit;
    case Errc::changed: return GapKind::changed;
    case Errc::cancelled: return GapKind::cancelled;
    case Errc::timed_out: return GapKind::timed_out;
    case Errc::not_found:
    case Errc::io_error:
    case Errc::refused: return GapKind::io_error;
    case Errc::malformed:
    case Errc::absent: return GapKind::corrupt;
  }
  return GapKind::corrupt;
}

void Outcome::append(Outcome&& other) {
  const auto move_all = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move_all(findings, other.findings);
  move_all(gaps, other.gaps);
  move_all(assets, other.assets);
  move_all(metadata, other.metadata);
  for (const ByteRange& range : other.covered.merged()) covered.add(range.offset, range.length);
  for (const ByteRange& range : other.declared.merged()) declared.add(range.offset, range.length);
}

// --- Level ---------------------------------------------------------------------------------------------------------

Level::Level(Session& session, Input& input, std::string_view name, std::string_view role,
             std::vector<NameQuestion>* questions)
    : session_(session), input_(input), probe_(input, name, role, questions) {}

ChildOutcome Level::scan() {
  Claims strong;
  Claims weak;
  identify(strong, weak);
  bool read_whole = run_strong(strong);
  // A container that cannot be read is a reason to try the other readings, never a reason to end.
  if (!read_whole && !weak.empty()) read_whole = run_weak(weak, strong.empty());

  ChildOutcome summary;
  for (const Claims* claims : {&strong, &weak}) {
    for (const Scanner* scanner : *claims) summary.formats.push_back(scanner->info().id);
  }
  // A weak sign whose reading failed is no recognition.
  summary.recognised = !strong.empty() || read_whole;
  if (!summary.recognised) summary.formats.clear();
  add_asset(summary.formats);
  if (summary.recognised) {
    record_holes();
  } else {
    sweep_unrecognised();
  }
  record_damage();
  for (const Finding& finding : outcome_.findings) summary.worst = std::max(summary.worst, std::optional(finding.severity));
  summary.complete = outcome_.gaps.empty();
  return summary;
}

void Level::identify(Claims& strong, Claims& weak) const {
  for (const auto& scanner : session_.registry.all()) {
    switch (scanner->match(probe_)) {
      case Match::strong: strong.push_back(scanner.get()); break;
      case Match::weak: weak.push_back(scanner.get()); break;
      case Match::no: break;
    }
  }
}

/// True when at least one of them read the input whole.
bool Level::run_strong(const Claims& scanners) {
  bool read_whole = false;
  for (const Scanner* scanner : scanners) {
    if (session_.stopped) break;
    Outcome made = run(*scanner);
    read_whole = read_whole || made.gaps.empty();
    outcome_.append(std::move(made));
  }
  return read_whole;
}

/// Weak signs contradict each other: where one of them leads to a whole reading, the failures of the others are void.
bool Level::run_weak(const Claims& scanners, bool nothing_strong) {
  std::vector<Outcome> runs;
  bool read_whole = false;
  for (const Scanner* scanner : scanners) {
    if (session_.stopped) break;
    runs.push_back(run(*scanner));
    read_whole = read_whole || runs.back().gaps.empty();
  }
  for (Outcome& made : runs) {
    if (!made.gaps.empty() && (read_whole || !nothing_strong)) void_misreading(made);
    outcome_.append(std::move(made));
  }
  return read_whole;
}

void Level::void_misreading(Outcome& made) {
  std::erase_if(made.findings, [](const Finding& finding) { return finding.severity != Severity::critical; });
  made.gaps.clear();
  made.covered = {};
  made.declared = {};
}

Outcome Level::run(const Scanner& scanner) {
  Outcome made;
  session_.scanner_ids.insert(scanner.info().id);
  if (!scanner.info().cacheable) session_.cacheable = false;
  Context context(session_, *this, scanner.info().id, made);
  try {
    session_.budget.checkpoint();
    scanner.scan(context);
  } catch (const Malformed& malformed) {
    add_failure(made, malformed.failure());
  } catch (const std::bad_alloc&) {
    session_.deterministic = false;
    add_gap(made, GapKind::limit, "memory ran out in scanner " + scanner.info().id, {});
  } catch (const std::exception& error) {
    // A fault of ours or of a library: never swallowed, and never the end of the other findings.
    add_gap(made, GapKind::corrupt, "scanner " + scanner.info().id + " failed: " + error.what(), {});
  }
  return made;
}

void Level::add_gap(Outcome& outcome, GapKind kind, std::string what, Location where) {
  where.members = session_.members;
  outcome.gaps.push_back({kind, std::move(what), std::move(where)});
}

void Level::add_failure(Outcome& outcome, const Failure& failure) {
  if (stops_everything(failure.code)) session_.stopped = true;
  if (depends_on_more_than_bytes(failure.code)) session_.deterministic = false;
  Location where;
  if (failure.offset != 0 || failure.code == Errc::truncated || failure.code == Errc::malformed) where.offset = failure.offset;
  add_gap(outcome, gap_kind(failure.code), failure.what, std::move(where));
}

std::uint64_t Level::known_size() const {
  if (const auto size = input_.size()) return *size;
  return static_cast<const StreamInput&>(input_).decoded();
}

void Level::sweep_unrecognised() {
  if (probe_.is_top_level()) {
    if (known_size() == 0) {
      add_gap(outcome_, GapKind::empty, "the file is empty", {});
    } else if (outcome_.gaps.empty()) {
      add_gap(outcome_, GapKind::unrecognised, "nothing in this file was recognised as a format that can be scanned", {});
    }
  }
  Context context(session_, *this, "sweep", outcome_);
  try {
    detect::sweep(context, input_.is_stream() ? probe_.head() : input_.bytes(0, std::min(known_size(), k_swept)));
  } catch (const Malformed& malformed) {
    add_failure(outcome_, malformed.failure());
  }
  outcome_.declared.add(0, known_size());
}

void Level::record_damage() {
  if (const auto damage = input_.damage()) add_failure(outcome_, *damage);
}

void Level::record_holes() {
  // What follows a break was not read: one gap says it already, at the place of the break.
  if (!outcome_.gaps.empty() || session_.stopped || input_.is_stream()) return;
  io::IntervalSet seen = outcome_.covered;
  for (const ByteRange& range : outcome_.declared.merged()) seen.add(range.offset, range.length);
  const std::vector<ByteRange> holes = seen.holes(known_size());
  for (std::size_t i = 0; i < holes.size() && i < k_holes_listed; ++i) {
    add_gap(outcome_, GapKind::unexamined, std::to_string(holes[i].length) + " bytes that no scanner interpreted",
            ScanContext::at(holes[i].offset, holes[i].length));
  }
}

void Level::add_asset(const std::vector<std::string>& formats) {
  if (session_.assets >= k_assets) {
    ++session_.assets_omitted;
    return;
  }
  ++session_.assets;
  Asset asset;
  asset.members = session_.members;
  asset.format = formats.empty() ? "unknown" : formats.front();
  asset.size = known_size();
  // Before its members: the list is in document order.
  outcome_.assets.insert(outcome_.assets.begin(), std::move(asset));
}

// --- Context -------------------------------------------------------------------------------------------------------

std::uint64_t Context::size() const {
  const auto size = level_.input_.size();
  if (!size) throw_malformed(Errc::unsupported, 0, "member too large to hold in memory for a format that is not read in order");
  return *size;
}

std::shared_ptr<Sibling> Context::sibling(std::string_view relative_path) {
  return has_folder() ? session_.surroundings->sibling(relative_path) : nullptr;
}

std::vector<std::string> Context::listing(std::string_view pattern) {
  return has_folder() ? session_.surroundings->listing(pattern) : std::vector<std::string>{};
}

void Context::report(Finding finding) {
  const std::uint32_t seen = ++session_.findings_per_rule[finding.rule];
  if (seen > session_.budget.limits().findings_per_rule) return;
  finding.where.members = session_.members;
  outcome_.findings.push_back(std::move(finding));
}

void Context::inconclusive(GapKind kind, std::string what, Location where) {
  level_.add_gap(outcome_, kind, std::move(what), std::move(where));
}

void Context::metadata(std::string key, std::string value) {
  if (!session_.members.empty() || outcome_.metadata.size() >= k_metadata) return;
  outcome_.metadata.emplace_back(std::string(scanner_id_) + "." + std::move(key), std::move(value));
}

ChildOutcome Context::scan_child(Child child) {
  ChildOutcome none;
  none.complete = false;
  if (session_.stopped) return none;
  try {
    session_.budget.checkpoint();
    session_.budget.charge_members(1);
    const auto level = session_.budget.enter();
    if (const auto* range = std::get_if<ByteRange>(&child.content)) {
      if (range->length > size() || range->offset > size() - range->length) {
        throw_malformed(Errc::truncated, range->offset, "member reaches beyond the end of its container");
      }
      RangeInput input(level_.input_, *range);
      return scan_opened(child, input);
    }
    MemoryCharge held(session_.budget);
    if (auto* bytes = std::get_if<std::vector<std::byte>>(&child.content)) {
      held.add(bytes->size());
      BufferInput input(std::move(*bytes), std::nullopt);
      return scan_opened(child, input);
    }
    const auto input = open_decoded(std::get<Child::Decoder>(child.content), session_.budget, held);
    return scan_opened(child, *input);
  } catch (const Malformed& malformed) {
    // Met before the child could be opened: it belongs to the child's place all the same.
    session_.members.push_back(child.name);
    level_.add_failure(outcome_, malformed.failure());
    session_.members.pop_back();
    return none;
  }
}

ChildOutcome Context::scan_opened(const Child& child, Input& input) {
  session_.members.push_back(child.name);
  Level level(session_, input, child.name, child.role, nullptr);
  ChildOutcome summary = level.scan();
  if (!summary.recognised && !child.may_be_unknown && summary.complete) {
    level.add_gap(level.outcome(), GapKind::unrecognised, "nothing here was recognised", {});
    summary.complete = false;
  }
  session_.members.pop_back();

  Outcome& inside = level.outcome();
  summary.worst.reset();
  for (Finding& finding : inside.findings) {
    finding.severity = std::min(finding.severity, child.ceiling);
    if (finding.severity_if_allowed) finding.severity_if_allowed = std::min(*finding.severity_if_allowed, child.ceiling);
    finding.details.insert(finding.details.end(), child.context.begin(), child.context.end());
    summary.worst = std::max(summary.worst, std::optional(finding.severity));
  }
  if (const auto* range = std::get_if<ByteRange>(&child.content)) {
    // Holes inside became gaps of the child; for the parent the whole range has been looked at.
    for (const ByteRange& part : inside.declared.merged()) outcome_.declared.add(range->offset + part.offset, part.length);
    outcome_.covered.add(range->offset, range->length);
  }
  inside.covered = {};
  inside.declared = {};
  outcome_.append(std::move(inside));
  return summary;
}

}  // namespace modelaudit::engine
