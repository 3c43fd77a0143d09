/// @file
/// Decompression of one member at a time, through the C interfaces of the codecs: member boundaries, trailing bytes and
/// the output in front of an error are exact, which stream filters hide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::io {

/// What one Decoder reads. A member is: a zlib or gzip or bzip2 or xz or lzip stream, a zstd or lz4 frame (a skippable
/// frame is a member without output), an lzma-alone file.
enum class Codec : std::uint8_t {
  deflate_raw,   ///< RFC 1951, ZIP method 8
  zlib,          ///< RFC 1950
  gzip,          ///< RFC 1952, one member
  bzip2,         ///< one stream "BZh"; ZIP method 12
  xz,            ///< one stream with its footer, no stream padding
  lzma_alone,    ///< 13-byte header
  zip_lzma,      ///< ZIP method 14: version (2 bytes), size of the properties (2 bytes), properties, raw LZMA
  zstd,          ///< one frame; ZIP method 93
  lz4_frame,     ///< one frame
  lz4_legacy,    ///< 02 21 4C 18, blocks to the end of the input or to the next magic
  lzip,          ///< one member "LZIP"
  unix_compress, ///< 1F 9D, LZW; no end marker, so it takes the whole input
};

/// Lower-case name for messages: "gzip".
const char* to_string(Codec codec) noexcept;

/// Decodes one member. Not thread-safe.
class Decoder : public ByteSource {
 public:
  /// Bytes of the input that belong to the member so far. Exact once finished(): the next member, or what trails,
  /// begins there.
  virtual std::uint64_t consumed() const noexcept = 0;
  /// The member's own end was reached and its checks, if any, were right. False after an error and on a cut input.
  virtual bool finished() const noexcept = 0;
};

/// A decoder at the start of a member. Never throws for the content: read() does, with Malformed, once all output in
/// front of the damage was handed out (truncated: the input ends first; limit: more memory than 256 MiB is asked for;
/// unsupported: dictionaries, unknown filters; malformed: everything else). Offsets in it are absolute.
///
/// @param input        must outlive the decoder. Bytes behind the member are not looked at.
/// @param decoded_size what a container says about the size of the output; only zip_lzma needs it, where the stream has no end
///                     marker of its own.
std::unique_ptr<Decoder> make_decoder(Codec codec, ByteView input, std::optional<std::uint64_t> decoded_size = {});

/// The same over an input that is itself decoded as it is read; the member begins at the reader's position, and the
/// reader stands on the first byte behind the member once finished().
std::unique_ptr<Decoder> make_decoder(Codec codec, ForwardReader& input, std::optional<std::uint64_t> decoded_size = {});

/// Reads until `into` is full or the member ends; returns how many bytes. Malformed passes through.
std::size_t read_fully(ByteSource& source, std::span<std::byte> into);

}  // namespace modelaudit::io
