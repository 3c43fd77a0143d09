#include "engine/engine.hpp"

#include <algorithm>

#include "engine/context.hpp"

namespace modelaudit::engine {
namespace {

constexpr std::string_view k_memory_limit = "limit: memory for one file";  // Budget::charge_memory()

void fill_result(Session& session, Level& level, std::uint64_t size, ScanResult& result) {
  Outcome& made = level.outcome();
  result.findings = std::move(made.findings);
  for (Finding& finding : result.findings) finding.where.path = result.path;
  result.coverage.gaps = std::move(made.gaps);
  for (Gap& gap : result.coverage.gaps) gap.where.path = result.path;
  result.assets = std::move(made.assets);
  result.assets_omitted = session.assets_omitted;
  result.scanners.assign(session.scanner_ids.begin(), session.scanner_ids.end());
  result.metadata = std::move(made.metadata);
  for (const auto& [rule, seen] : session.findings_per_rule) {
    const std::uint32_t kept = session.budget.limits().findings_per_rule;
    if (seen > kept) result.metadata.emplace_back("findings_omitted." + rule, std::to_string(seen - kept));
  }
  std::sort(result.metadata.begin(), result.metadata.end());
  result.coverage.size = size;
  result.coverage.declared = made.declared.total();
  for (const ByteRange& range : made.declared.merged()) made.covered.add(range.offset, range.length);
  result.coverage.interpreted = made.covered.total() - result.coverage.declared;
  result.deterministic = session.deterministic && session.cacheable;
}

/// Positioned reads hold what they read, a mapping does not: only they may meet this limit.
bool ran_out_of_memory(const ScanResult& result) {
  const auto& gaps = result.coverage.gaps;
  return std::any_of(gaps.begin(), gaps.end(), [](const Gap& gap) { return gap.what == k_memory_limit; });
}

std::uint64_t elapsed_us(std::chrono::steady_clock::time_point since) {
  const auto spent = std::chrono::steady_clock::now() - since;
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
}

void add_gap(ScanResult& result, GapKind kind, std::string what) {
  Location where;
  where.path = result.path;
  result.coverage.gaps.push_back({kind, std::move(what), std::move(where)});
}

}  // namespace

void Engine::run(Input& input, std::string_view name, Budget& budget, Surroundings* surroundings,
                 ScanOutcome& outcome) const {
  Session session{registry_, budget, options_.deep, surroundings};
  Level level(session, input, name, "", &outcome.trace.questions);
  (void)level.scan();
  fill_result(session, level, *input.size(), outcome.result);
  std::sort(outcome.trace.questions.begin(), outcome.trace.questions.end(),
            [](const NameQuestion& a, const NameQuestion& b) { return a.suffix < b.suffix; });
}

ScanOutcome Engine::scan_descriptor(const FileScan& file) const {
  const Limits& limits = file.limits != nullptr ? *file.limits : options_.limits;
  const auto started = std::chrono::steady_clock::now();
  ScanOutcome outcome;
  outcome.result.path = file.shown;
  const auto fail = [&](GapKind kind, std::string what) {
    outcome.result.deterministic = false;
    add_gap(outcome.result, kind, std::move(what));
    return outcome;
  };
  const auto identity = io::identity_of(file.fd);
  if (!identity) return fail(GapKind::io_error, identity.error().what);
  outcome.trace.identity = *identity;
  outcome.result.coverage.size = identity->size;
  if (limits.file_size && identity->size > *limits.file_size) {
    add_gap(outcome.result, GapKind::limit,
            "the file has " + std::to_string(identity->size) + " bytes, more than the limit of " +
                std::to_string(*limits.file_size) + " (--max-size)");
    if (file.need != TraceNeed::none) outcome.trace.digest = io::RangeDigest().finish();  // it rests on the size alone
    return outcome;
  }
  const ReadStrategy strategy = file.need == TraceNeed::exact ? ReadStrategy::positioned : options_.read;
  auto reader = io::open_reader(file.fd, identity->size, strategy, options_.large.window_bytes);
  if (!reader) return fail(GapKind::io_error, reader.error().what);
  if (file.need != TraceNeed::none) (*reader)->begin_digest();

  io::IntervalSet reads;
  Budget budget(limits, options_.stop);
  bool siblings_unchanged = true;
  {
    std::optional<Surroundings> surroundings;
    if (file.folder) surroundings.emplace(*file.folder, options_.read, budget, file.need);
    FileInput input(**reader, reads, budget, file.on_read, options_.large.progress_bytes);
    run(input, file.name, budget, surroundings ? &*surroundings : nullptr, outcome);
    if (surroundings) siblings_unchanged = surroundings->finish(outcome.trace);
  }
  outcome.trace.ranges = reads.merged();
  // Another way of reading the same bytes might say more: not for those who read them so.
  if (!(*reader)->is_mapped() && ran_out_of_memory(outcome.result)) outcome.result.deterministic = false;
  if (file.need != TraceNeed::none && outcome.result.deterministic) {
    if (auto read = (*reader)->end_digest(outcome.trace.ranges)) {
      outcome.trace.ranges = std::move(read->ranges);
      outcome.trace.digest = read->digest;
    }
  }
  const auto after = io::identity_of(file.fd);
  if ((*reader)->shrank() || !after || *after != *identity) {
    outcome.result.deterministic = false;
    add_gap(outcome.result, GapKind::changed, "the file changed while it was scanned");
  } else if (!siblings_unchanged) {
    outcome.result.deterministic = false;
    add_gap(outcome.result, GapKind::changed, "a file beside this one changed while it was scanned");
  }
  outcome.result.duration_us = elapsed_us(started);
  return outcome;
}

ScanOutcome Engine::scan_buffer(std::span<const std::byte> bytes, std::string_view name) const {
  const auto started = std::chrono::steady_clock::now();
  ScanOutcome outcome;
  outcome.result.path = name;
  Budget budget(options_.limits, options_.stop);
  BufferInput input(bytes);
  run(input, name, budget, nullptr, outcome);
  outcome.result.duration_us = elapsed_us(started);
  return outcome;
}

}  // namespace modelaudit::engine
