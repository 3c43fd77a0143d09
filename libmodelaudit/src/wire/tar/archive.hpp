/// @file
/// The members of a tar file in every reading that extractors have of it. Judges nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelaudit/scanner.hpp"
#include "wire/tar/header.hpp"
#include "wire/zip/source.hpp"

namespace modelaudit::wire::tar {

using wire::zip::Source;

/// One member after the overrides of pax and GNU headers in front of it.
struct Member {
  Header header;                          ///< as it stands in its block
  std::uint64_t offset = 0;               ///< of that block
  std::string name;                       ///< after overrides
  std::string link;
  ByteRange data;                         ///< cut to the input
  std::optional<std::uint64_t> pax_size;  ///< when it contradicts the header
  bool is_sparse = false;
  bool cut = false;                       ///< the data runs beyond the input
  bool after_end = false;                 ///< behind blocks of zeros that end the archive for most readers
  bool alternate = false;                 ///< only readers that skip less (or more) see it

  bool is_file() const noexcept { return header.type != '1' && header.type != '2' && !is_special() && header.type != '5'; }
  bool is_special() const noexcept { return header.type == '3' || header.type == '4' || header.type == '6'; }
};

struct Archive {
  std::vector<Member> members;
  std::vector<ByteRange> records;    ///< headers, bodies of pax and GNU headers, zero blocks
  std::vector<ByteRange> unreadable; ///< blocks between two headers that are neither
  std::vector<ByteRange> padding;    ///< between the end of data and the end of its block, where it is not zero
  std::optional<ByteRange> trailing; ///< behind the end, no header in it
  bool leading_zero = false;
  bool has_end = false;              ///< two zero blocks, or the input ends on a block boundary behind a member
  bool limited = false;
};

/// Does the input begin with a header (its checksum right, or at least its magic), or with zero blocks and then one?
bool is_tar(const Source& source);

/// Reads all headers; data is not touched. Time is linear in members and in damaged ranges.
Archive read_archive(const Source& source, std::uint64_t max_members);

}  // namespace modelaudit::wire::tar
