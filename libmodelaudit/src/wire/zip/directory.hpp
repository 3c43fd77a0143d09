/// @file
/// End records and the directories they lead to: each of them is what some reader sees.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "wire/zip/records.hpp"
#include "wire/zip/source.hpp"

namespace modelaudit::wire::zip {

/// How far from the end of the input end records are looked for. More than the 65,557 bytes of the specification:
/// several readers look further, and junk behind the archive must not hide it.
inline constexpr std::uint64_t k_end_window = std::uint64_t{1} << 20;

/// One central directory, as one kind of reader finds it.
struct Directory {
  std::optional<EndRecord> end;   ///< nothing: records found without an end record
  std::uint64_t offset = 0;       ///< of the first record
  std::uint64_t length = 0;       ///< of the records that were read
  std::uint64_t base = 0;         ///< what was put before the archive: local offsets count from here, or from 0
  std::uint64_t declared = 0;     ///< records, according to the end record
  std::uint64_t listed = 0;       ///< records that were read
  bool cut = false;               ///< fewer than declared because the input or a limit ended the list
  std::vector<CentralHeader> records;

  bool is_empty() const noexcept { return listed == 0; }
};

/// The records from `offset` on, as long as they follow each other and end before `stop`.
Directory read_records(const Source& source, std::uint64_t offset, std::uint64_t stop, std::uint64_t max_records);

/// Every directory that `end` leads to: counted back from it (zipfile, libzip), at the offset it names (miniz), and by
/// its 32-bit fields where ZIP64 contradicts them. One for honest archives; none when nothing is there.
std::vector<Directory> directories_of(const Source& source, const EndRecord& end, std::uint64_t max_records);

/// The end record that readers which look back from the end of the input settle on, and those that others would:
/// the last one whose comment reaches the end of the input first, then the last one. Empty when there is none.
std::vector<EndRecord> find_ends(const Source& source);

}  // namespace modelaudit::wire::zip
