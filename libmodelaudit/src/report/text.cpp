// The report for a person: file by file what was found, where, why it matters and what to do; then what could not be
// examined; then one line that sums up.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "modelaudit/report.hpp"
#include "report/cache_figures.hpp"
#include "report/style.hpp"

namespace modelaudit {

namespace {

using report::amount;
using report::Colour;
using report::counted;
using report::Page;
using report::shown;

// What is listed before the rest is only counted; --verbose lists all.
constexpr std::size_t k_places_shown = 5;
constexpr std::size_t k_gaps_shown = 5;
constexpr std::size_t k_clean_shown = 20;
constexpr std::size_t k_unknown_shown = 10;

std::string upper(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

/// "archive/data.pkl > nested, byte 28"; empty for the file as a whole.
std::string place_text(const Location& where) {
  std::string out;
  for (const std::string& member : where.members) {
    if (!out.empty()) out += " > ";
    out += shown(member);
  }
  if (where.line) {
    out += fmt::format("{}line {}", out.empty() ? "" : ", ", *where.line);
  } else if (where.offset) {
    out += fmt::format("{}byte {}", out.empty() ? "" : ", ", *where.offset);
  }
  return out;
}

/// Findings of one rule and severity, in document order.
struct Group {
  const Finding* first = nullptr;
  std::vector<const Finding*> findings;
};

class Writer {
 public:
  Writer(const ScanReport& report, const ReportOptions& options)
      : report_(report), options_(options), page_(options.colour, options.width.value_or(80)) {}

  std::string text() {
    for (const ScanResult& file : report_.files) {
      if (worth_a_section(file)) add_file(file);
    }
    if (!report_.findings.empty()) add_folder_findings();
    for (const ShardFamily& family : report_.families) add_family(family);
    if (!options_.quiet) add_clean();
    add_errors();
    if (!options_.quiet) {
      add_unknown();
      add_skipped();
      add_summary();
    }
    return page_.take();
  }

 private:
  bool is_shown(const Finding& finding) const {
    if (!finding.suppressed_by.empty()) return options_.verbose;
    return finding.severity >= Severity::warning || (options_.verbose && !options_.quiet);
  }

  /// Clean files get one line each, later.
  bool worth_a_section(const ScanResult& file) const {
    return file.verdict() != Verdict::clean || !file.complete() || (options_.verbose && !options_.quiet);
  }

  void add_file(const ScanResult& file) {
    add_title(shown(file.path), file.verdict(), file.complete());
    add_findings(file.findings);
    add_gaps(file.coverage.gaps);
    if (!options_.quiet) add_notes(file.findings);
    if (options_.verbose && !options_.quiet) add_facts(file);
    page_.blank();
  }

  void add_title(const std::string& name, Verdict verdict, bool complete) {
    std::string line =
        page_.painted(name, Colour::bold) + ": " + page_.painted(upper(to_string(verdict)), report::colour_of(verdict));
    if (!complete && verdict != Verdict::inconclusive) line += ", not examined whole";
    page_.line(line);
  }

  /// What is wrong with the family as such; what its shards did to its verdict stands with them.
  void add_family(const ShardFamily& family) {
    const bool is_told = std::any_of(family.findings.begin(), family.findings.end(), [&](const Finding& f) { return is_shown(f); });
    if (options_.quiet && !is_told && family.gaps.empty()) return;
    const bool is_part = family.scanned < family.present && family.gaps.empty() && family.verdict == Verdict::inconclusive;
    if (is_part) {
      page_.line(page_.painted(shown(family.path), Colour::bold) + ": scanned in part");
    } else {
      add_title(shown(family.path), family.verdict, family.gaps.empty());
    }
    std::string line = fmt::format("  {}", counted(family.present, "shard"));
    if (family.expected != 0) line = fmt::format("  {} of {}", family.present, counted(family.expected, "shard"));
    line += fmt::format(", {}", amount(family.total_size));
    if (family.scanned < family.present) line += fmt::format("; {} scanned (name the folder to scan them all)", family.scanned);
    page_.line(line);
    add_findings(family.findings);
    add_gaps(family.gaps);
    if (options_.verbose && !options_.quiet) {
      for (const std::string& name : family.missing) page_.line("  missing: " + shown(name));
    }
    page_.blank();
  }

  void add_folder_findings() {
    std::map<std::string, std::vector<Finding>> by_path;
    for (const Finding& finding : report_.findings) by_path[finding.where.path].push_back(finding);
    for (const auto& [path, findings] : by_path) {
      if (std::none_of(findings.begin(), findings.end(), [&](const Finding& f) { return is_shown(f); })) continue;
      page_.line(page_.painted(shown(path), Colour::bold) + ":");
      add_findings(findings);
      page_.blank();
    }
  }

  void add_findings(const std::vector<Finding>& findings) {
    std::vector<Group> groups;
    std::map<std::pair<std::string_view, int>, std::size_t> index;
    for (const Finding& finding : findings) {
      if (!is_shown(finding)) continue;
      const int rank = finding.suppressed_by.empty() ? static_cast<int>(finding.severity) : -1;
      const auto [at, is_new] = index.try_emplace({finding.rule, rank}, groups.size());
      if (is_new) groups.push_back({&finding, {}});
      groups[at->second].findings.push_back(&finding);
    }
    std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
      const bool a_counts = a.first->suppressed_by.empty();
      const bool b_counts = b.first->suppressed_by.empty();
      return a_counts != b_counts ? a_counts : a.first->severity > b.first->severity;
    });
    for (const Group& group : groups) add_group(group);
  }

  void add_group(const Group& group) {
    const Finding& first = *group.first;
    const Rule* rule = find_rule(first.rule);
    const bool counts = first.suppressed_by.empty();
    const Colour colour = counts ? report::colour_of(first.severity) : Colour::dim;
    std::string heading = "  " + page_.painted(counts ? upper(to_string(first.severity)) : "SUPPRESSED", colour);
    if (rule != nullptr) heading += fmt::format("  {}", rule->name);
    heading += fmt::format("  [{}{}{}]", shown(first.rule), rule == nullptr || rule->code.empty() ? "" : ", ",
                           rule == nullptr ? std::string_view() : rule->code);
    page_.line(heading);
    const std::size_t limit = options_.verbose ? group.findings.size() : k_places_shown;
    for (std::size_t i = 0; i < group.findings.size() && i < limit; ++i) add_occurrence(*group.findings[i]);
    if (group.findings.size() > limit) {
      page_.line(fmt::format("    ... and {} more like this (--verbose lists them)", group.findings.size() - limit));
    }
    // Once a report: a folder of a hundred bad files is read from top to bottom.
    if (!counts || rule == nullptr || !explained_.insert(rule).second) return;
    if (!rule->why.empty()) page_.wrapped("    Why:   ", rule->why);
    if (!rule->advice.empty()) page_.wrapped("    Do:    ", rule->advice);
    if (options_.verbose && !rule->references.empty()) page_.wrapped("    See:   ", rule->references);
  }

  void add_occurrence(const Finding& finding) {
    page_.wrapped("    What:  ", shown(finding.message));
    const std::string place = place_text(finding.where);
    if (!place.empty()) page_.line("    Where: " + place);
    for (const auto& [key, value] : finding.details) {
      page_.wrapped(fmt::format("           {}: ", shown(key)), shown(value));
    }
    if (!finding.uncleared.empty()) add_uncleared(finding.uncleared);
    if (!finding.suppressed_by.empty()) page_.line("    By:    " + shown(finding.suppressed_by));
  }

  void add_uncleared(const std::vector<std::string>& names) {
    const std::size_t limit = options_.verbose ? names.size() : std::min(names.size(), k_places_shown);
    std::string text;
    for (std::size_t i = 0; i < limit; ++i) text += (i == 0 ? "" : " ") + shown(names[i]);
    if (names.size() > limit) text += fmt::format(" and {} more", names.size() - limit);
    page_.wrapped("    Names: ", text + " (if you trust them: --allow NAME)");
  }

  void add_gaps(const std::vector<Gap>& gaps) {
    const std::size_t limit = options_.verbose ? gaps.size() : k_gaps_shown;
    for (std::size_t i = 0; i < gaps.size() && i < limit; ++i) {
      const std::string place = place_text(gaps[i].where);
      page_.wrapped(
          fmt::format("  {}  ", page_.painted("NOT EXAMINED", Colour::magenta)),
          fmt::format("{} ({}{}{})", shown(gaps[i].what), to_string(gaps[i].kind), place.empty() ? "" : "; ", place));
    }
    if (gaps.size() > limit) {
      page_.line(fmt::format("  ... and {} (--verbose lists them)", counted(gaps.size() - limit, "further gap")));
    }
  }

  /// Findings below warning, and suppressed ones, as a count.
  void add_notes(const std::vector<Finding>& findings) {
    if (options_.verbose) return;
    std::uint64_t notes = 0;
    std::uint64_t suppressed = 0;
    for (const Finding& finding : findings) {
      if (!finding.suppressed_by.empty())
        ++suppressed;
      else if (finding.severity == Severity::info)
        ++notes;
    }
    if (notes != 0) page_.line(fmt::format("  {} (--verbose shows them)", counted(notes, "note")));
    if (suppressed != 0)
      page_.line(fmt::format("  {} suppressed (--verbose shows them)", counted(suppressed, "finding")));
  }

  void add_facts(const ScanResult& file) {
    const Coverage& coverage = file.coverage;
    std::string text = fmt::format("{} of {} interpreted", amount(coverage.interpreted), amount(coverage.size));
    if (coverage.declared != 0) {
      text += fmt::format(", {} of weights within their bounds but not swept (--deep sweeps them)",
                          amount(coverage.declared));
    }
    page_.wrapped("  Coverage: ", text);
    std::string scanners;
    for (const std::string& id : file.scanners) scanners += (scanners.empty() ? "" : ", ") + shown(id);
    if (!scanners.empty()) page_.wrapped("  Scanners: ", scanners);
    for (const auto& [key, value] : file.metadata) page_.wrapped(fmt::format("  {}: ", shown(key)), shown(value));
    if (options_.deterministic) return;
    page_.line(fmt::format("  Took {} ({})", report::time_text(file.duration_us), to_string(file.cache)));
  }

  void add_clean() {
    if (options_.verbose) return;
    std::vector<const ScanResult*> clean;
    for (const ScanResult& file : report_.files) {
      if (!worth_a_section(file)) clean.push_back(&file);
    }
    const bool all = clean.size() <= k_clean_shown;
    for (std::size_t i = 0; all && i < clean.size(); ++i) {
      add_title(shown(clean[i]->path), Verdict::clean, true);
      add_notes(clean[i]->findings);
    }
    if (!all) page_.line(counted(clean.size(), "file") + " clean (--verbose lists them)");
    if (!clean.empty()) page_.blank();
  }

  void add_errors() {
    for (const TargetError& error : report_.errors) {
      const std::string path = shown(error.path);
      const std::string message = shown(error.message);
      const bool named = !path.empty() && message.find(path) != std::string::npos;
      page_.line(page_.painted("NOT SCANNED", Colour::magenta) + "  " + (named ? "" : path + ": ") + message);
    }
    if (!report_.errors.empty()) page_.blank();
  }

  void add_unknown() {
    if (report_.unknown.empty()) return;
    const std::size_t limit = options_.verbose ? report_.unknown.size() : k_unknown_shown;
    page_.line(counted(report_.unknown.size(), "file") + " of no known model format:");
    for (std::size_t i = 0; i < report_.unknown.size() && i < limit; ++i) page_.line("  " + shown(report_.unknown[i]));
    if (report_.unknown.size() > limit) {
      page_.line(fmt::format("  ... and {} more (--verbose lists them)", report_.unknown.size() - limit));
    }
    page_.blank();
  }

  void add_skipped() {
    if (!options_.verbose || report_.skipped.empty()) return;
    page_.line("Passed over: " + counted(report_.skipped.size(), "item"));
    for (const Skipped& entry : report_.skipped) page_.line("  " + shown(entry.path) + ": " + shown(entry.reason));
    page_.blank();
  }

  void add_summary() {
    std::uint64_t bytes = 0;
    std::array<std::uint64_t, 4> verdicts{};
    for (const ScanResult& file : report_.files) {
      bytes += file.coverage.size;
      ++verdicts[static_cast<std::size_t>(file.verdict())];
    }
    std::string line = fmt::format("{}, {}", counted(report_.files.size(), "file"), amount(bytes));
    if (!options_.deterministic) line += " in " + report::time_text(report_.duration_us);
    const char* separator = ": ";
    for (const Verdict verdict : {Verdict::malicious, Verdict::suspicious, Verdict::inconclusive, Verdict::clean}) {
      const std::uint64_t n = verdicts[static_cast<std::size_t>(verdict)];
      if (n == 0) continue;
      line += fmt::format("{}{} {}", separator, n, to_string(verdict));
      separator = ", ";
    }
    page_.line(line);
    if (!options_.deterministic) add_cache();
    add_verdict();
  }

  void add_cache() {
    report::CacheFigures cache;
    for (const ScanResult& file : report_.files) cache.add(file);
    if (cache.look_ups() == 0) return;
    std::string line = "Cache: " + counted(cache.hits(), "hit");
    if (cache.trace_hits != 0) line += fmt::format(" ({} by content)", cache.trace_hits);
    line += fmt::format(", {} ({:.0f}% hit rate)", counted(cache.misses, "miss"), 100 * cache.hit_rate());
    if (cache.time_saved_us != 0) line += fmt::format(", {} saved", report::time_text(cache.time_saved_us));
    page_.line(line);
  }

  void add_verdict() {
    if (report_.interrupted)
      page_.line(page_.painted("Interrupted", Colour::magenta) + ": this covers what was done until then.");
    const Verdict verdict = report_.verdict();
    const char* advice = "";
    switch (verdict) {
      case Verdict::clean:
        advice = "nothing dangerous found, and everything was examined.";
        break;
      case Verdict::suspicious:
        advice = "read the warnings before you load what they name.";
        break;
      case Verdict::malicious:
        advice = "do not load what is marked malicious.";
        break;
      case Verdict::inconclusive:
        advice = report_.files.empty() ? "nothing was scanned."
                                       : "not everything could be examined; do not take it for clean.";
        break;
    }
    page_.line(
        fmt::format("Verdict: {} - {}", page_.painted(upper(to_string(verdict)), report::colour_of(verdict)), advice));
  }

  const ScanReport& report_;
  const ReportOptions& options_;
  Page page_;
  std::set<const Rule*> explained_;
};

}  // namespace

std::string render_text(const ScanReport& report, const ReportOptions& options) {
  return Writer(report, options).text();
}

}  // namespace modelaudit
