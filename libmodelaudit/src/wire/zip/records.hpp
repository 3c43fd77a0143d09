/// @file
/// The records of a ZIP file as plain values. Knows APPNOTE.TXT (PKWARE, 6.3.10), has no opinion.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "wire/zip/source.hpp"

namespace modelaudit::wire::zip {

inline constexpr std::string_view k_local_magic = "PK\x03\x04";
inline constexpr std::string_view k_central_magic = "PK\x01\x02";
inline constexpr std::string_view k_end_magic = "PK\x05\x06";
inline constexpr std::string_view k_zip64_end_magic = "PK\x06\x06";
inline constexpr std::string_view k_zip64_locator_magic = "PK\x06\x07";
inline constexpr std::string_view k_descriptor_magic = "PK\x07\x08";

inline constexpr std::uint64_t k_local_size = 30;          ///< fixed part of a local header
inline constexpr std::uint64_t k_central_size = 46;        ///< fixed part of a directory record
inline constexpr std::uint64_t k_end_size = 22;            ///< fixed part of the end record
inline constexpr std::uint64_t k_zip64_end_size = 56;      ///< fixed part of the ZIP64 end record
inline constexpr std::uint64_t k_zip64_locator_size = 20;  ///< whole ZIP64 locator

/// General purpose bits, 4.4.4.
enum Flag : std::uint16_t {
  k_flag_encrypted = 1u << 0,
  k_flag_descriptor = 1u << 3,
  k_flag_patched = 1u << 5,
  k_flag_strong = 1u << 6,
  k_flag_utf8 = 1u << 11,
  k_flag_masked = 1u << 13,
};

/// Compression methods that are named here, 4.4.5.
enum Method : std::uint16_t {
  k_stored = 0,
  k_deflated = 8,
  k_bzip2 = 12,
  k_lzma = 14,
  k_zstd = 93,
  k_xz = 95,
  k_aes = 99,
};

/// True for a number that APPNOTE assigns to a method, decoded by us or not.
bool is_known_method(std::uint16_t method) noexcept;

/// One field of an extra block: id:2, size:2, body.
struct ExtraField {
  std::uint16_t id = 0;
  ByteView body;
};

/// The fields of an extra block; stops at the first that does not fit.
std::vector<ExtraField> extra_fields(ByteView extra);
/// Body of the first field with this id, if any.
std::optional<ByteView> find_extra(ByteView extra, std::uint16_t id);

/// The sizes that one header declares.
struct Sizes {
  std::uint64_t compressed = 0;
  std::uint64_t plain = 0;

  bool operator==(const Sizes&) const = default;
};

/// Offset: field. 4:2 version needed, 6:2 flags, 8:2 method, 10:4 time, 14:4 crc, 18:4 compressed, 22:4 plain,
/// 26:2 name length, 28:2 extra length, then name, extra, data.
struct LocalHeader {
  std::uint64_t offset = 0;  ///< of the signature
  std::uint16_t need = 0;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  Sizes sizes;                      ///< after ZIP64
  std::optional<Sizes> also_sizes;  ///< a ZIP64 field that contradicts 32-bit values which are not all ones
  bool zip64 = false;               ///< a ZIP64 field is there
  ByteView name;
  ByteView extra;

  std::uint64_t data_offset() const noexcept { return offset + k_local_size + name.size() + extra.size(); }
  /// Sizes and CRC follow the data: they are zero here, or the same as there.
  bool is_streamed() const noexcept { return (flags & k_flag_descriptor) != 0; }
};

/// Offset: field. 4:2 made by, 6:2 version needed, 8:2 flags, 10:2 method, 12:4 time, 16:4 crc, 20:4 compressed,
/// 24:4 plain, 28:2 name length, 30:2 extra length, 32:2 comment length, 34:2 disk, 36:2 internal attributes,
/// 38:4 external attributes, 42:4 offset of the local header, then name, extra, comment.
struct CentralHeader {
  std::uint64_t offset = 0;  ///< of the signature
  std::uint16_t made_by = 0;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  Sizes sizes;
  std::optional<Sizes> also_sizes;
  std::uint32_t disk = 0;
  std::uint32_t attributes = 0;  ///< external; Unix mode in the high half when made on Unix
  std::uint64_t local_offset = 0;
  ByteView name;
  ByteView extra;
  ByteView comment;

  std::uint64_t length() const noexcept { return k_central_size + name.size() + extra.size() + comment.size(); }
  std::uint8_t host() const noexcept { return static_cast<std::uint8_t>(made_by >> 8); }
  std::uint16_t unix_mode() const noexcept { return static_cast<std::uint16_t>(attributes >> 16); }
};

/// [signature:4] crc:4, compressed:4|8, plain:4|8, behind the data of a streamed member.
struct Descriptor {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint32_t crc = 0;
  Sizes sizes;
};

/// Offset: field. 4:2 disk, 6:2 disk of the directory, 8:2 records here, 10:2 records, 12:4 directory size,
/// 16:4 directory offset, 20:2 comment length. ZIP64: 24:8 here, 32:8 records, 40:8 size, 48:8 offset.
struct EndRecord {
  std::uint64_t offset = 0;
  std::uint32_t disk = 0;
  std::uint32_t directory_disk = 0;
  std::uint64_t records_here = 0;
  std::uint64_t records = 0;
  std::uint64_t directory_size = 0;
  std::uint64_t directory_offset = 0;
  std::uint16_t comment_length = 0;
  std::optional<std::uint64_t> zip64_offset;  ///< of the ZIP64 end record that was used
  std::uint64_t zip64_length = 0;
  bool zip64_missing = false;                 ///< all-ones fields or a locator, but no ZIP64 end record where they point
  /// Readers differ when the ZIP64 record disagrees with 32-bit fields that are not all ones: then those are kept here.
  struct Narrow {
    std::uint64_t records, directory_size, directory_offset;
  };
  std::optional<Narrow> contradicted;

  /// Where the directory ends for a reader that counts back from here.
  std::uint64_t directory_end() const noexcept { return zip64_offset.value_or(offset); }
  std::uint64_t end() const noexcept { return offset + k_end_size + comment_length; }
};

/// The local header at `offset`, or nothing when there is no signature or it does not fit the input.
std::optional<LocalHeader> read_local(const Source& source, std::uint64_t offset);
/// Could this be a real header rather than four bytes by chance? For headers that no directory vouches for.
/// Neither version nor CRC are asked: both can be anything, and hidden entries live from scanners that ask.
bool is_plausible(const LocalHeader& header, std::uint64_t input_size);

/// The directory record at the start of `bytes`; nothing when the signature is missing or it does not fit.
std::optional<CentralHeader> read_central(ByteView bytes);

/// The descriptor behind data that ends at `offset` and has `sizes`; the form with the best agreement.
std::optional<Descriptor> read_descriptor(const Source& source, std::uint64_t offset, const Sizes& sizes, bool zip64);

/// The end record at `offset` with its ZIP64 companion, if the fixed part fits.
std::optional<EndRecord> read_end(const Source& source, std::uint64_t offset);

}  // namespace modelaudit::wire::zip
