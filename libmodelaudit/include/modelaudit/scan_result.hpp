/// @file
/// ScanResult: everything known about one top-level file. ScanReport: about one or more targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelaudit/export.hpp"
#include "modelaudit/finding.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit {

/// One word about a file. Findings win over incompleteness; see ScanResult::complete() for the other half.
enum class Verdict : std::uint8_t {
  clean = 0,
  suspicious = 1,    ///< at least a warning
  malicious = 2,     ///< at least a critical
  inconclusive = 3,  ///< no warning or critical, but something could not be examined
};

MODELAUDIT_EXPORT const char* to_string(Verdict verdict) noexcept;

/// How much of an input was examined, in bytes of the top-level file.
struct Coverage {
  std::uint64_t size = 0;         ///< of the file
  std::uint64_t interpreted = 0;  ///< bytes that a scanner read and understood
  std::uint64_t declared = 0;     ///< weight regions whose bounds were checked, but that were not swept
  std::vector<Gap> gaps;          ///< what could not be examined, in file order

  bool operator==(const Coverage&) const = default;
};

/// A file or member that was identified, for the asset list.
struct Asset {
  std::vector<std::string> members;  ///< empty for the file itself
  std::string format;                ///< id of the scanner that claimed it, or "unknown"
  std::uint64_t size = 0;            ///< bytes, decoded

  bool operator==(const Asset&) const = default;
};

/// Whether a result came out of the cache.
enum class CacheUse : std::uint8_t { bypassed = 0, miss = 1, identity_hit = 2, trace_hit = 3 };

MODELAUDIT_EXPORT const char* to_string(CacheUse use) noexcept;

/// The result of one top-level file and everything inside it.
///
/// A plain value: it may be copied, compared, sent to another thread and stored. The JSON form (to_json/from_json) and
/// the cache's binary form lose nothing.
class MODELAUDIT_EXPORT ScanResult {
 public:
  std::string path;                   ///< as the caller named it
  std::vector<Finding> findings;      ///< in document order
  Coverage coverage;
  std::vector<Asset> assets;          ///< the file first, then its members in document order (bounded)
  std::uint64_t assets_omitted = 0;   ///< members beyond the bound
  std::vector<std::string> scanners;  ///< ids that ran, sorted
  /// Facts that scanners recorded, "scanner.key" -> text, sorted by key.
  std::vector<std::pair<std::string, std::string>> metadata;
  bool deterministic = true;          ///< false: a time limit, an I/O error or a cancellation shaped it; never cached
  std::uint64_t duration_us = 0;      ///< of the scan that made it; not part of the comparison
  CacheUse cache = CacheUse::bypassed;

  /// Worst severity among the findings that are not suppressed, if any.
  std::optional<Severity> worst() const noexcept;
  /// True when nothing is missing from the examination.
  bool complete() const noexcept { return coverage.gaps.empty(); }
  Verdict verdict() const noexcept;

  /// Lossless JSON text (UTF-8; bytes that are not UTF-8 are escaped reversibly).
  std::string to_json() const;
  /// The inverse of to_json(); a Failure for anything else. Never throws on hostile text.
  static Result<ScanResult> from_json(std::string_view json);
  /// Lossless compact binary form (cereal, portable binary); written and read by the same version of the library.
  /// @throws Error for a result whose form would pass 16 MiB.
  std::vector<std::byte> to_binary() const;
  /// The inverse of to_binary(); a Failure for anything else. Never throws on hostile bytes, and takes memory in
  /// proportion to them.
  static Result<ScanResult> from_binary(std::span<const std::byte> bytes);

  /// Equality of what was found; how long it took and where it came from do not count.
  bool operator==(const ScanResult& other) const;
};

/// Something that went wrong with a target as a whole: missing path, unreadable file, special file.
struct TargetError {
  std::string path;
  Errc code = Errc::io_error;
  std::string message;  ///< one sentence for a person, with what to do

  bool operator==(const TargetError&) const = default;
};

/// Why an entry of a folder was passed over on purpose.
struct Skipped {
  std::string path;
  std::string reason;

  bool operator==(const Skipped&) const = default;
};

/// A model that lies in several files whose names number them: its shards, judged together.
///
/// Each shard has a ScanResult of its own; what only shows when they are seen together stands here.
struct ShardFamily {
  std::string path;                  ///< folder and name, `*` for the number: "m/model-*-of-00005.safetensors"
  std::string kind;                  ///< "safetensors", "pytorch", "gguf", "tensorflow-checkpoint" …
  std::uint64_t expected = 0;        ///< shards there should be, as the names tell; 0: they do not tell
  std::uint64_t present = 0;         ///< of these, there
  std::uint64_t scanned = 0;         ///< of these, scanned for this report; fewer where only some were named
  std::uint64_t total_size = 0;      ///< bytes of the shards that are there
  std::string index;                 ///< name of the index file beside them; empty: none
  std::vector<std::string> missing;  ///< names of those that are not there, in order, at most 1,000
  std::uint64_t missing_count = 0;   ///< all of them
  std::vector<Finding> findings;     ///< duplicates, foreign shards; a shard's own findings stand in its result
  std::vector<Gap> gaps;             ///< what is not there or does not say what it is
  /// Of the family and the results of its shards. Shards that were not scanned make it inconclusive here, and do not
  /// count in ScanReport::complete(): nobody asked for them.
  Verdict verdict = Verdict::clean;

  bool operator==(const ShardFamily&) const = default;
};

/// The outcome of a scan over one or more targets.
struct MODELAUDIT_EXPORT ScanReport {
  std::vector<ScanResult> files;     ///< sorted by target, then by path
  std::vector<TargetError> errors;
  std::vector<Finding> findings;     ///< about a folder rather than a file (a link that leaves it)
  /// Sorted by path; those of a single shard only when something is wrong with them.
  std::vector<ShardFamily> families;
  std::vector<std::string> unknown;  ///< files inside folders that no scanner recognised; listed, not failing
  std::vector<Skipped> skipped;
  bool interrupted = false;
  std::uint64_t duration_us = 0;
  std::uint64_t bytes_hashed = 0;    ///< to find and to verify cached results by content

  std::optional<Severity> worst() const noexcept;
  bool complete() const noexcept;
  /// clean only when at least one file was examined and everything in it was.
  Verdict verdict() const noexcept;
};

}  // namespace modelaudit
