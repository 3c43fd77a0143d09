/// @file
/// Traces: everything that the outcome of a scan rests on, as observations that a cache hit can replay.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "modelaudit/export.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit {

/// SHA-256.
using Digest = std::array<std::uint8_t, 32>;

/// Content, whatever it is called and wherever it lies: the whole of it.
struct ContentId {
  Digest sha256{};
  std::uint64_t size = 0;  ///< bytes

  bool operator==(const ContentId&) const = default;
};

/// What a trace is wanted for.
enum class TraceNeed : std::uint8_t {
  none,    ///< nothing: no digests are taken
  digest,  ///< digests of what the file holds at the end of the scan; its times show a change
  exact,   ///< digests of the very bytes that the scan was given: the file may change without its times showing it
};

/// Which file it was, as the operating system knows it.
struct FileIdentity {
  std::string path;            ///< absolute; empty for bytes and descriptors
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;      ///< bytes
  std::int64_t mtime_ns = 0;   ///< since the epoch
  std::int64_t ctime_ns = 0;   ///< since the epoch
  std::uint32_t link_count = 1;

  bool operator==(const FileIdentity&) const = default;
};

/// A question that was asked of the file's name, and the answer.
struct NameQuestion {
  std::string suffix;   ///< lower case
  bool answer = false;

  bool operator==(const NameQuestion&) const = default;
};

/// A sibling that the scan looked at or looked for in vain.
struct Companion {
  std::string relative_path;       ///< from the file's folder
  bool existed = false;
  FileIdentity identity;           ///< when it existed
  std::vector<ByteRange> ranges;   ///< what was read of it
  Digest digest{};                 ///< of those ranges, as Trace::digest

  bool operator==(const Companion&) const = default;
};

/// A folder listing that the scan consulted: the names that matched, never the folder's own stat.
struct Listing {
  std::string relative_path;
  std::string pattern;
  std::vector<std::string> names;  ///< sorted

  bool operator==(const Listing&) const = default;
};

/// The observations of one scan. The ranges of a mapped file are merged and sorted, those of positioned reads stand in
/// the order of the reads; a digest can be checked either way.
///
/// A digest is the SHA-256 of a list of pieces (offset and length as u64 little-endian, SHA-256 of the bytes): the ranges
/// in order, each cut where the file's offset is a multiple of 1 MiB. All zeros: none was taken.
struct Trace {
  FileIdentity identity;                 ///< of the descriptor that was scanned, before and after (equal)
  std::vector<ByteRange> ranges;         ///< of the top-level file
  Digest digest{};                       ///< of the ranges; taken only when a cache asks for it, see TraceNeed
  std::vector<NameQuestion> questions;   ///< sorted by suffix
  std::vector<Companion> companions;
  std::vector<Listing> listings;

  bool operator==(const Trace&) const = default;
};

}  // namespace modelaudit
