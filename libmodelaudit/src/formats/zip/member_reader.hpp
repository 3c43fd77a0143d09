/// @file
/// A member's data under one reading: as a child for the engine, as a short text, at a glance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "modelaudit/scanner.hpp"
#include "wire/zip/archive.hpp"

namespace modelaudit::formats::zip_archive {

/// What decoding a member told, of the reading that went furthest.
struct DecodeFacts {
  std::uint64_t produced = 0;  ///< bytes
  std::uint64_t consumed = 0;  ///< compressed bytes that belong to the stream, once it is finished
  std::uint32_t crc = 0;       ///< of what was produced
  bool finished = false;       ///< the stream's own end was reached
};

/// Where the data of an entry lies under a reading, cut to the input.
ByteRange data_of(const wire::zip::Entry& entry, const wire::zip::Reading& reading, std::uint64_t input_size);

/// Content for a child: the range itself, or a decoder that keeps `facts` up to date.
struct Content {
  std::variant<ByteRange, std::vector<std::byte>, Child::Decoder> body;
  std::shared_ptr<DecodeFacts> facts;  ///< null for stored data
};
Content open_member(ScanContext& context, ByteRange data, const wire::zip::Reading& reading);

/// At most `n` decoded bytes from the start; fewer when the data is damaged or ends.
std::vector<std::byte> read_start(ScanContext& context, ByteRange data, const wire::zip::Reading& reading, std::uint64_t n);

/// CRC-32 of a range of the input.
std::uint32_t crc_of(ScanContext& context, ByteRange range);

}  // namespace modelaudit::formats::zip_archive
