/// @file
/// Headers of a tar file: ustar (POSIX.1-1988), pax (POSIX.1-2001), GNU and v7. Knows the layout, has no opinion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modelaudit/bytes.hpp"

namespace modelaudit::wire::tar {

inline constexpr std::uint64_t k_block = 512;

/// Offset:width. name 0:100, mode 100:8, size 124:12, checksum 148:8, type 156:1, link name 157:100, magic 257:8,
/// prefix 345:155. Numbers are octal text, or base-256 with the top bit of the first byte set.
struct Header {
  std::string name;  ///< with the ustar prefix
  std::string link;
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  char type = '0';   ///< '0' for NUL
  bool has_magic = false;     ///< "ustar"
  bool has_checksum = false;  ///< the stored sum is right, signed or unsigned
  bool has_size = true;       ///< false: the size field is no number
};

/// The header in one block of 512 bytes; nothing when it is shorter.
std::optional<Header> read_header(ByteView block);

/// Key and value pairs of a pax body: "length key=value\n"; stops at the first that does not fit.
std::vector<std::pair<std::string, std::string>> read_pax(ByteView body);

/// A decimal number as pax writes it.
std::optional<std::uint64_t> decimal(std::string_view text);

}  // namespace modelaudit::wire::tar
