#include "io/codecs_heads.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "modelaudit/error.hpp"

namespace modelaudit::io {
namespace {

constexpr std::size_t k_confirmed = 4096;  // decoded bytes after which chance is ruled out
constexpr std::size_t k_plausible = 64;

enum class Trial : std::uint8_t { refused, plausible, certain };

/// Decodes the head. A whole member with its checks, or many bytes, is no chance hit.
Trial try_decode(Codec codec, ByteView head) {
  std::array<std::byte, k_confirmed> out;
  std::size_t made = 0;
  const auto decoder = make_decoder(codec, head);
  try {
    made = read_fully(*decoder, out);
  } catch (const Malformed& malformed) {
    // The head is only a part of the file; and a file may be cut.
    if (malformed.failure().code == Errc::limit) return Trial::plausible;
    return malformed.failure().code == Errc::truncated ? Trial::plausible : Trial::refused;
  }
  if (made == out.size() || decoder->finished()) return Trial::certain;
  return made >= k_plausible ? Trial::plausible : Trial::refused;
}

/// RFC 1950: method 8, window up to 32 KiB, check bits, no dictionary.
bool is_zlib_head(ByteView head) {
  if (head.size() < 2) return false;
  const unsigned b0 = head[0];
  const unsigned b1 = head[1];
  return (b0 & 15) == 8 && (b0 >> 4) <= 7 && ((b0 << 8) | b1) % 31 == 0 && (b1 & 0x20) == 0;
}

/// xz, doc/lzma-file-format.txt: dictionary 2^n or 2^n + 2^(n-1); size known and sane, or all ones.
bool is_lzma_head(ByteView head) {
  const auto dictionary = head.le<std::uint32_t>(1);
  const auto size = head.le<std::uint64_t>(5);
  if (!dictionary || !size || head[0] >= 225 || *dictionary < 4096) return false;
  const std::uint32_t top = std::bit_floor(*dictionary);
  const bool round = *dictionary == top || *dictionary == top + top / 2 || *dictionary == 0xffffffffU;
  return round && (*size == ~std::uint64_t{0} || *size < (std::uint64_t{1} << 40));
}

bool is_bzip2_head(ByteView head) {
  if (!head.starts_with("BZh") || head.size() < 10 || head[3] < '1' || head[3] > '9') return false;
  return head.has(4, "\x31\x41\x59\x26\x53\x59") || head.has(4, std::string_view("\x17\x72\x45\x38\x50\x90", 6));
}

bool is_gzip_head(ByteView head) { return head.starts_with("\x1f\x8b\x08") && head.size() >= 10 && (head[3] & 0xe0) == 0; }

bool is_lz4_frame_head(ByteView head) {
  // LZ4 frame format: version 01, reserved bits 0, block size 4 to 7.
  return head.starts_with("\x04\x22\x4d\x18") && head.size() >= 7 && (head[4] & 0xc2) == 0x40 && (head[5] & 0x8f) == 0 &&
         (head[5] >> 4) >= 4;
}

bool is_skippable_head(ByteView head) {
  const auto magic = head.le<std::uint32_t>(0);
  return magic && (*magic & 0xfffffff0U) == 0x184D2A50U;
}

bool is_lzip_head(ByteView head) { return head.starts_with("LZIP\x01") && head.size() >= 6; }
bool is_zstd_head(ByteView head) { return head.starts_with("\x28\xb5\x2f\xfd") && head.size() >= 6 && (head[4] & 0x08) == 0; }
bool is_xz_head(ByteView head) { return head.starts_with(std::string_view("\xfd\x37\x7a\x58\x5a\x00", 6)); }

/// joblib up to 0.9.2: "ZF", the size as hex text padded to 19 characters (20 in files of Python 2), then zlib.
std::optional<Wrapper> identify_zfile(ByteView head) {
  if (!head.starts_with("ZF0x")) return std::nullopt;
  const std::string_view text = head.first(21).text().substr(4);
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == 'L' || c == ' '; };
  if (text.size() < 17 || !std::all_of(text.begin(), text.end(), is_hex)) return std::nullopt;
  const std::uint64_t start = head.has(21, " ") ? 22 : 21;
  return Wrapper{Codec::zlib, {}, true, start};
}

/// Skippable frames may stand in front of a zstd or an lz4 frame.
std::optional<Wrapper> identify_skippable(ByteView head) {
  std::uint64_t at = 0;
  while (is_skippable_head(head.from(at))) {
    const auto size = head.le<std::uint32_t>(at + 4);
    if (!size || *size > head.size() - at) return Wrapper{Codec::zstd, {}, at != 0, 0};
    at += 8 + std::uint64_t{*size};
    if (at >= head.size()) return Wrapper{Codec::zstd, {}, false, 0};
  }
  if (is_zstd_head(head.from(at))) return Wrapper{Codec::zstd, {}, true, 0};
  if (is_lz4_frame_head(head.from(at))) return Wrapper{Codec::lz4_frame, {}, true, 0};
  return std::nullopt;
}

bool is_legacy_lz4_head(ByteView head) {
  const auto size = head.le<std::uint32_t>(4);
  return head.starts_with("\x02\x21\x4c\x18") && size && *size != 0 && *size < (std::uint32_t{9} << 20);
}

std::optional<Wrapper> identify_strong(ByteView head) {
  if (is_gzip_head(head)) return Wrapper{Codec::gzip, {}, true, 0};
  if (is_bzip2_head(head)) return Wrapper{Codec::bzip2, {}, true, 0};
  if (is_xz_head(head)) return Wrapper{Codec::xz, {}, true, 0};
  if (is_zstd_head(head)) return Wrapper{Codec::zstd, {}, true, 0};
  if (is_lz4_frame_head(head)) return Wrapper{Codec::lz4_frame, {}, true, 0};
  if (is_legacy_lz4_head(head)) return Wrapper{Codec::lz4_legacy, {}, true, 0};
  if (is_lzip_head(head)) return Wrapper{Codec::lzip, {}, true, 0};
  if (is_skippable_head(head)) return identify_skippable(head);
  if (head.starts_with(std::string_view("\xff\x06\x00\x00sNaPpY", 10))) return Wrapper{Codec::zlib, "snappy", true, 0};
  if (head.starts_with(std::string_view("\x89LZO\0\r\n\x1a\n", 9))) return Wrapper{Codec::zlib, "lzop", true, 0};
  return identify_zfile(head);
}

std::optional<Wrapper> confirm(Codec codec, ByteView head) {
  const Trial trial = try_decode(codec, head);
  if (trial == Trial::refused) return std::nullopt;
  // Codes of compress(1) hardly ever fail, and lzma has no check at all: neither can be certain.
  const bool can_be_certain = codec == Codec::zlib;
  return Wrapper{codec, {}, can_be_certain && trial == Trial::certain, 0};
}

}  // namespace

std::optional<Wrapper> identify_compressed(ByteView head) {
  if (auto wrapper = identify_strong(head)) return wrapper;
  if (is_zlib_head(head)) return confirm(Codec::zlib, head);
  if (is_lzma_head(head)) return confirm(Codec::lzma_alone, head);
  if (head.starts_with("\x1f\x9d") && head.size() >= 4) return confirm(Codec::unix_compress, head);
  return std::nullopt;
}

bool begins_member(Codec codec, ByteView head) {
  switch (codec) {
    case Codec::gzip: return head.starts_with("\x1f\x8b");
    case Codec::bzip2: return head.starts_with("BZh");
    case Codec::xz:
    case Codec::lzma_alone: return is_xz_head(head) || is_lzma_head(head);
    case Codec::zstd: return head.starts_with("\x28\xb5\x2f\xfd") || is_skippable_head(head);
    case Codec::lz4_frame:
    case Codec::lz4_legacy:
      return head.starts_with("\x04\x22\x4d\x18") || head.starts_with("\x02\x21\x4c\x18") || is_skippable_head(head);
    case Codec::lzip: return head.starts_with("LZIP");
    case Codec::deflate_raw:
    case Codec::zlib:
    case Codec::zip_lzma:
    case Codec::unix_compress: return false;  // readers of these stop
  }
  return false;
}

Codec member_codec(Codec codec, ByteView head) {
  if (codec == Codec::xz || codec == Codec::lzma_alone) return is_xz_head(head) ? Codec::xz : Codec::lzma_alone;
  if (codec == Codec::lz4_frame || codec == Codec::lz4_legacy) {
    return head.starts_with("\x02\x21\x4c\x18") ? Codec::lz4_legacy : Codec::lz4_frame;
  }
  return codec;
}

GzipFields gzip_fields(ByteView head) {
  GzipFields fields;
  if (head.size() < 10) return fields;
  const unsigned flags = head[3];
  std::uint64_t at = 10;
  if ((flags & 4) != 0) {  // FEXTRA
    const auto size = head.le<std::uint16_t>(at);
    if (!size) return fields;
    fields.extra_at = at + 2;
    fields.extra_size = head.clip(at + 2, *size).size();
    at += 2 + std::uint64_t{*size};
  }
  if ((flags & 8) != 0) {  // FNAME, latin-1, ends with NUL
    const std::string_view rest = head.from(at).text();
    fields.name = rest.substr(0, rest.find('\0'));
    at += fields.name.size() + 1;
  }
  if ((flags & 16) != 0) {  // FCOMMENT
    const std::string_view rest = head.from(at).text();
    fields.comment_at = at;
    fields.comment_size = rest.substr(0, rest.find('\0')).size();
  }
  return fields;
}

}  // namespace modelaudit::io
