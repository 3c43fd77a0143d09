/// @file
/// Heads of compressed files: which codec, and how sure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "io/codecs.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::io {

/// A compressed file as its first bytes announce it.
struct Wrapper {
  Codec codec = Codec::gzip;
  /// No decoder here: the name of the codec; empty otherwise.
  std::string_view unsupported;
  /// False: a magic that other formats share (zlib, lzma-alone, compress), or one that decoding did not confirm.
  bool certain = true;
  /// Bytes in front of the first member: joblib's ZF header.
  std::uint64_t start = 0;
};

/// Recognises the head of a file; weak magics only where their first bytes decode.
std::optional<Wrapper> identify_compressed(ByteView head);

/// Does another member that readers of this codec go on with begin here? `head`: 32 bytes or what is left.
bool begins_member(Codec codec, ByteView head);

/// Codec of the member that begins here: xz readers go on with lzma-alone members and the other way round.
Codec member_codec(Codec codec, ByteView head);

/// The optional fields of a gzip header (RFC 1952, 2.3). Offsets count from the start of the view.
struct GzipFields {
  std::string_view name;      ///< without its NUL
  std::uint64_t extra_at = 0, extra_size = 0;
  std::uint64_t comment_at = 0, comment_size = 0;
};
GzipFields gzip_fields(ByteView head);

}  // namespace modelaudit::io
