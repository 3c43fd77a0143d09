/// @file
/// A ZIP file in every reading that some loader has of it. Computes the union and the disagreements; judges nothing.
///
/// | view     | who reads so                          | how                                                     |
/// | central  | zipfile, miniz (PyTorch), libzip      | end record -> directory -> local headers                |
/// | other    | readers that settle on another end    | every other end record in bytes nobody claims           |
/// | local    | streaming readers                     | local header -> data -> next local header               |
/// | carved   | repair tools                          | signatures in bytes nobody claims                       |
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"
#include "wire/zip/directory.hpp"
#include "wire/zip/records.hpp"
#include "wire/zip/source.hpp"

namespace modelaudit::wire::zip {

/// Which view an entry was first found in.
enum class View : std::uint8_t { central, other_directory, local, carved };

/// One member in one interpretation of its headers.
struct Entry {
  View view = View::central;
  std::uint32_t directory = 0;  ///< index into Archive::directories, for central and other_directory
  std::optional<CentralHeader> central;
  std::optional<LocalHeader> local;
  std::optional<Descriptor> descriptor;
  /// [local header, end of data and descriptor), cut to the input; empty when there is no local header.
  ByteRange extent;
  /// Bytes of data for a local entry whose header does not say.
  std::uint64_t found_size = 0;
  bool cut = false;  ///< the data runs beyond the input

  ByteView name() const noexcept { return central ? central->name : local ? local->name : ByteView(); }
  std::uint64_t order() const noexcept { return local ? local->offset : central ? central->offset : 0; }
};

/// One way to read a member's data.
struct Reading {
  std::uint16_t method = 0;
  std::uint64_t compressed = 0;
  std::uint64_t plain = 0;
  std::uint32_t crc = 0;
  bool is_sized = true;  ///< `plain` and `crc` were declared somewhere
};

/// Every distinct reading of an entry: {methods} x {sizes} of directory, local header, descriptor and ZIP64 fields.
/// The directory's comes first.
std::vector<Reading> readings_of(const Entry& entry);

/// Where bytes lie that no record claims.
enum class SlackPlace : std::uint8_t { prefix, between, comment, suffix };

struct Slack {
  ByteRange range;
  SlackPlace place = SlackPlace::between;
};

/// Two entries of one directory whose bytes intersect.
struct Overlap {
  std::size_t first = 0;  ///< index into Archive::entries
  std::size_t second = 0;
};

struct Archive {
  std::vector<Directory> directories;  ///< their `records` have moved into the entries
  std::vector<EndRecord> ends;         ///< all that lead somewhere, the authoritative one first
  std::vector<Entry> entries;          ///< directory order, then those found elsewhere in file order
  std::vector<Slack> slack;            ///< in file order
  std::vector<ByteRange> records;      ///< directory, end records, comments of members: everything but entries and slack
  std::vector<Overlap> overlaps;       ///< the first 64
  std::uint64_t overlap_count = 0;
  std::uint64_t base = 0;              ///< of the authoritative directory
  bool limited = false;                ///< there are more entries than asked for
};

/// Reads all views. Time is linear in records and slack; memory in entries.
Archive read_archive(const Source& source, std::uint64_t max_entries);

/// Does the input claim to be a ZIP at its start, or by an end record that leads to a directory? Cheap.
struct Claim {
  bool starts = false;
  bool ends = false;
};
Claim claim_of(const Source& source);

/// The names in the directory that most readers see, or of the local headers at the start when there is none. Reads
/// nothing else; for routing. At most `max_names`.
std::vector<ByteView> directory_names(const Source& source, std::uint64_t max_names);

}  // namespace modelaudit::wire::zip
