// modelaudit scan PATHS…
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <modelaudit/auditor.hpp>
#include <modelaudit/cache.hpp>
#include <modelaudit/error.hpp>
#include <modelaudit/report.hpp>
#include <optional>

#include "cache_place.hpp"
#include "command.hpp"
#include "console.hpp"
#include "dry_run.hpp"
#include "interrupt.hpp"
#include "output_file.hpp"
#include "paths.hpp"
#include "progress_line.hpp"
#include "remote.hpp"
#include "scanner_list.hpp"

namespace modelaudit::cli {

namespace fs = std::filesystem;

namespace {

constexpr double k_timeout_s = 3600;
constexpr std::size_t k_policy_file_max = std::size_t{1} << 20;

/// What the command line said, as it said it.
struct ScanWords {
  std::vector<std::string> paths;
  std::string format = "text";
  std::string output;
  bool strict = false;
  bool deep = false;
  bool assume_shard_family = false;
  std::optional<double> timeout_s;
  std::string max_size;
  std::vector<std::string> scanners;
  std::vector<std::string> excluded_scanners;
  bool list_scanners = false;
  std::string config;
  std::vector<std::string> allow;
  std::vector<std::string> suppress;
  std::vector<std::string> severity;
  bool cache = true;
  CachePlace cache_place;
  std::string cache_verify = "stat";
  bool refresh = false;
  bool verbose = false;
  bool quiet = false;
  bool progress = false;
  bool dry_run = false;
  bool deterministic = false;
  SourceWords sources;
};

void declare(CLI::App& app, ScanWords& words) {
  app.add_option("paths", words.paths, "Files, folders, patterns (*, ?, **) or references (https://HOST/artifactory/REPOSITORY/PATH, models:/NAME/VERSION)")->type_name("PATH");
  app.add_option("-f,--format", words.format, "Form of the report")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("-o,--output", words.output, "Write the report to a file; symbolic links are refused")
      ->type_name("FILE");
  auto* verbose = app.add_flag("-v,--verbose", words.verbose, "Show notes, coverage and facts of every file");
  app.add_flag("-q,--quiet", words.quiet, "Show findings, gaps and errors only")->excludes(verbose);
  app.add_flag("--strict", words.strict, "Unknown files in folders are inconclusive; cached results are verified");
  app.add_flag("--deep", words.deep, "Sweep weight regions too, not only their bounds");
  app.add_flag("--assume-shard-family", words.assume_shard_family,
               "Take shards named one by one in several folders for one model");
  app.add_option("-t,--timeout", words.timeout_s, "Time limit for each file (default: 3600); no file is begun after it")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 1e7));
  app.add_option("--max-size", words.max_size, "Do not scan larger files (10GB, 1.5TB)")->type_name("SIZE");
  app.add_option("--scanners", words.scanners, "Use these scanners only")
      ->type_name("ID,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--exclude-scanner", words.excluded_scanners, "Leave out a scanner")
      ->type_name("ID,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--list-scanners", words.list_scanners, "List the scanners and exit");
  app.add_option("--config", words.config, "Policy file (TOML: suppress, allow, [severity])")
      ->type_name("FILE")
      ->envname("MODELAUDIT_CONFIG");
  app.add_option("--allow", words.allow, "Vouch for a Python name: package.module.Class or package.module.*")
      ->type_name("NAME")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("-s,--suppress", words.suppress, "Do not count findings of a rule: id, S-code or S200-S299")
      ->type_name("RULE")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("-S,--severity", words.severity, "Set a rule's severity: critical, high, medium, warning, low, info")
      ->type_name("RULE=LEVEL")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--cache,!--no-cache", words.cache, "Reuse results of unchanged files (default: on)");
  declare_cache_place(app, words.cache_place);
  app.add_option("--cache-verify", words.cache_verify,
                 "What a cached result has to prove: stat (same file and times), trace (same bytes where the scan read), "
                 "always (same bytes everywhere)")
      ->check(CLI::IsMember({"stat", "trace", "always"}))
      ->capture_default_str();
  app.add_flag("--refresh", words.refresh, "Believe no cached result; scan and store anew");
  declare_source_options(app, words.sources);
  app.add_flag("--progress", words.progress, "Show progress on standard error even where it is no terminal");
  app.add_flag("--dry-run", words.dry_run, "List what would be scanned, scan nothing");
  app.add_flag("--deterministic", words.deterministic, "No clocks in the report: the same bytes give the same report");
  app.footer("Exit status: 0 clean, 1 a warning or critical finding, 2 inconclusive or failed, 130 interrupted.");
}

std::string read_policy_file(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) throw UsageError("there is no policy file " + path + "; check --config");
  if (fs::file_size(path, error) > k_policy_file_max)
    throw UsageError("the policy file " + path + " is larger than 1 MiB");
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || !in.is_open()) throw UsageError("cannot read the policy file " + path);
  return text;
}

std::pair<std::string, std::string> severity_pair(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos)
    throw UsageError("--severity wants RULE=LEVEL, such as S201=low, not '" + word + "'");
  return {word.substr(0, equals), word.substr(equals + 1)};
}

/// The policy file first, the command line after it, so that the latter has the last word.
Policy policy_of(const ScanWords& words) {
  Policy policy;
  if (!words.config.empty()) policy = parse_policy(read_policy_file(words.config), words.config);
  policy.allow.insert(policy.allow.end(), words.allow.begin(), words.allow.end());
  policy.suppress.insert(policy.suppress.end(), words.suppress.begin(), words.suppress.end());
  for (const std::string& word : words.severity) policy.severity.push_back(severity_pair(word));
  validate(policy);
  return policy;
}

std::chrono::milliseconds time_limit_of(const ScanWords& words) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(words.timeout_s.value_or(k_timeout_s) * 1000));
}

CacheVerify verify_level(const std::string& word) {
  if (word == "always") return CacheVerify::always;
  return word == "trace" ? CacheVerify::trace : CacheVerify::stat;
}

Options options_of(const ScanWords& words) {
  Options options;
  options.strict = words.strict;
  options.deep = words.deep;
  options.assume_shard_family = words.assume_shard_family;
  options.limits.time = time_limit_of(words);
  if (words.timeout_s) options.total_time = options.limits.time;
  if (!words.max_size.empty()) options.limits.file_size = parse_size(words.max_size);
  options.scanners = words.scanners;
  options.excluded_scanners = words.excluded_scanners;
  options.policy = policy_of(words);
  options.cache = cache_options(words.cache_place);
  options.cache.enabled = words.cache;
  options.cache.verify = verify_level(words.cache_verify);
  options.cache.refresh = words.refresh;
  return options;
}

/// The words of the command line as targets; those that can be none are errors of the report.
struct Targets {
  std::vector<fs::path> paths;
  std::vector<std::string> references;
  std::vector<TargetError> errors;
};

Targets targets_of(const std::vector<std::string>& words) {
  Targets targets;
  for (const std::string& word : words) {
    std::error_code error;
    if (is_remote(word) && !fs::exists(word, error)) {
      const auto& known = targets.references;
      if (std::find(known.begin(), known.end(), word) == known.end()) targets.references.push_back(word);
      continue;
    }
    std::vector<fs::path> found = expand(word);
    if (found.empty()) {
      targets.errors.push_back(
          {word, Errc::not_found, "no file matches this pattern; check it, and quote it where the shell changes it"});
    }
    targets.paths.insert(targets.paths.end(), found.begin(), found.end());
  }
  return targets;
}

/// Calls `each` for every reference; where the library for it is missing, each of them is an error.
void for_each_reference(const Targets& targets, const ScanWords& words, std::vector<TargetError>& errors,
                        const std::function<void(const std::string&, const SourceFunctions&, SourceOptions)>& each) {
  if (targets.references.empty()) return;
  std::string why;
  const SourceFunctions* functions = source_functions(why);
  for (const std::string& reference : targets.references) {
    if (functions == nullptr)
      errors.push_back({without_secrets(reference), Errc::unsupported, why});
    else
      each(reference, *functions, source_options(words.sources, *functions, time_limit_of(words)));
  }
}

/// Adds the report on one reference to the whole.
void append(ScanReport& report, ScanReport&& part) {
  const auto move = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move(report.files, part.files);
  move(report.errors, part.errors);
  move(report.findings, part.findings);
  move(report.unknown, part.unknown);
  move(report.skipped, part.skipped);
  report.interrupted = report.interrupted || part.interrupted;
  report.duration_us += part.duration_us;
}

std::string render(const ScanWords& words, const ScanReport& report) {
  ReportOptions options;
  options.verbose = words.verbose;
  options.quiet = words.quiet;
  options.deterministic = words.deterministic;
  if (words.format == "json") return render_json(report, options);
  options.colour = words.output.empty() && wants_colour();
  options.width = words.output.empty() && stdout_is_terminal() ? terminal_width() : 80;
  return render_text(report, options);
}

/// Errors stand in a text report on the screen; where the report goes elsewhere, people still want to see them.
void repeat_errors(const ScanReport& report) {
  for (const TargetError& error : report.errors) complain(error.path + ": " + error.message);
}

/// A cache server was asked for by name: people want to know that it was of no use.
void warn_of_server(const CacheManager* cache) {
  if (cache == nullptr || cache->server().empty()) return;
  const CacheStats stats = cache->run_stats();
  if (stats.backend_failures == 0) return;
  complain("the cache server " + cache->server() + " failed (" + std::string(cache->last_failure()) + "); " +
           std::to_string(stats.backend_failures) + " questions to it went unanswered, the scan is complete without");
}

ScanReport scan(const ScanWords& words, Options options, Targets targets) {
  InterruptWatch interrupt;
  options.stop = interrupt.token();
  std::optional<ProgressLine> progress;
  if (words.progress || (stderr_is_terminal() && !words.quiet)) {
    progress.emplace(stderr_is_terminal(), words.progress);
    options.progress = [&progress](const Progress& now) { progress->show(now); };
  }
  const Auditor auditor(std::move(options));
  if (!words.quiet && !auditor.cache_warning().empty()) complain(auditor.cache_warning());
  ScanReport report = auditor.scan(targets.paths);
  const auto scan_reference = [&](const std::string& reference, const SourceFunctions& functions, SourceOptions source) {
    if (progress) {
      source.progress = [&progress](const FetchProgress& now) {
        progress->show({now.url, now.files_done, now.files_total, now.bytes_done, now.bytes_total});
      };
    }
    append(report, functions.scan(auditor, reference, source));
  };
  for_each_reference(targets, words, report.errors, scan_reference);
  report.errors.insert(report.errors.end(), std::make_move_iterator(targets.errors.begin()),
                       std::make_move_iterator(targets.errors.end()));
  if (!words.quiet) warn_of_server(auditor.cache());
  return report;
}

DryRun dry_run(const ScanWords& words, Options options, const Targets& targets) {
  InterruptWatch interrupt;
  options.stop = interrupt.token();
  options.cache.enabled = false;
  DryRun plan = plan_scan(targets.paths, targets.errors, options);
  if (targets.references.empty()) return plan;
  const Auditor auditor(std::move(options));
  for_each_reference(targets, words, plan.errors, [&](const std::string& reference, const SourceFunctions& functions, const SourceOptions& source) {
    SourcePlan found = functions.plan(auditor, reference, source);
    for (SourceFile& file : found.files) plan.files.push_back(planned(std::move(file.url), file.size, auditor.options()));
    plan.errors.insert(plan.errors.end(), found.errors.begin(), found.errors.end());
  });
  return plan;
}

int run(const ScanWords& words) {
  if (words.list_scanners) {
    print(words.format == "json" ? scanners_as_json() : scanners_as_text());
    return k_ok;
  }
  if (words.paths.empty()) throw UsageError("nothing to scan: name files or folders, as in 'modelaudit scan model.pt'");
  Options options = options_of(words);
  std::optional<OutputFile> output;
  if (!words.output.empty()) output.emplace(words.output);
  Targets targets = targets_of(words.paths);
  if (words.dry_run) {
    const DryRun plan = dry_run(words, std::move(options), targets);
    const std::string text = words.format == "json" ? plan.as_json() : plan.as_text();
    output ? output->write(text) : print(text);
    return plan.errors.empty() ? k_ok : k_usage;
  }
  const ScanReport report = scan(words, std::move(options), std::move(targets));
  const std::string text = render(words, report);
  output ? output->write(text) : print(text);
  if (output || words.format == "json") repeat_errors(report);
  return exit_status(report);
}

}  // namespace

Command add_scan(CLI::App& program) {
  CLI::App* app = program.add_subcommand("scan", "Scan files and folders (the default command)");
  auto words = std::make_shared<ScanWords>();
  declare(*app, *words);
  return {app, [words] { return run(*words); }};
}

}  // namespace modelaudit::cli
