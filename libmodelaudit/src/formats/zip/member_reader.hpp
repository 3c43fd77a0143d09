/// @file
/// A member's data under one reading: as a child for the engine, as a short text, at a glance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "io/codecs.hpp"
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

/// The codec of a method; nothing for stored and for methods that are not read.
std::optional<io::Codec> codec_of(std::uint16_t method) noexcept;
bool is_readable(std::uint16_t method) noexcept;

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

/// Could the first bytes of a tensor be something that runs or that holds it: a program, an archive, a pickle that
/// imports? `more` reads on from the start where the first bytes do not suffice. Random weights never pass.
bool is_more_than_weights(ScanContext& context, ByteView start, const std::function<std::unique_ptr<ForwardReader>()>& more);

}  // namespace modelaudit::formats::zip_archive
