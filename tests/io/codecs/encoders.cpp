#include "encoders.hpp"

#include <cstdint>
#include <stdexcept>

#include <bzlib.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

namespace modelaudit::test {
namespace {

using io::Codec;
using Bytes = std::vector<std::byte>;

Bytes with_zlib(std::span<const std::byte> plain, int bits) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, plain.size()) + 64);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes with_bzip2(std::span<const std::byte> plain) {
  Bytes out(plain.size() + plain.size() / 50 + 1000);
  auto size = static_cast<unsigned>(out.size());
  std::byte nothing{};
  if (plain.empty()) plain = std::span(&nothing, 0);  // the library refuses a null pointer
  if (BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &size,
                               reinterpret_cast<char*>(const_cast<std::byte*>(plain.data())),
                               static_cast<unsigned>(plain.size()), 1, 0, 0) != BZ_OK) {
    throw std::runtime_error("bzip2");
  }
  out.resize(size);
  return out;
}

Bytes with_lzma(std::span<const std::byte> plain, bool alone) {
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_options_lzma options;
  lzma_lzma_preset(&options, 1);
  const lzma_ret started = alone ? lzma_alone_encoder(&stream, &options) : lzma_easy_encoder(&stream, 1, LZMA_CHECK_CRC32);
  if (started != LZMA_OK) throw std::runtime_error("lzma");
  Bytes out(plain.size() * 2 + 4096);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(plain.data());
  stream.avail_in = plain.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = out.size();
  if (lzma_code(&stream, LZMA_FINISH) != LZMA_STREAM_END) throw std::runtime_error("lzma");
  out.resize(out.size() - stream.avail_out);
  lzma_end(&stream);
  return out;
}

/// ZIP's form: version, size of the properties, properties, then the stream of a .lzma file without its size.
Bytes as_zip_lzma(const Bytes& alone) {
  Bytes out{std::byte{16}, std::byte{2}, std::byte{5}, std::byte{0}};
  out.insert(out.end(), alone.begin(), alone.begin() + 5);
  out.insert(out.end(), alone.begin() + 13, alone.end());
  return out;
}

Bytes with_zstd(std::span<const std::byte> plain) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  Bytes out(ZSTD_compressBound(plain.size()));
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size());
  ZSTD_freeCCtx(context);
  if (ZSTD_isError(size) != 0) throw std::runtime_error("zstd");
  out.resize(size);
  return out;
}

Bytes with_lz4(std::span<const std::byte> plain) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
  Bytes out(LZ4F_compressFrameBound(plain.size(), &preferences));
  const std::size_t size = LZ4F_compressFrame(out.data(), out.size(), plain.data(), plain.size(), &preferences);
  if (LZ4F_isError(size) != 0) throw std::runtime_error("lz4");
  out.resize(size);
  return out;
}

void append_le32(Bytes& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

Bytes with_legacy_lz4(std::span<const std::byte> plain) {
  Bytes out;
  append_le32(out, 0x184C2102);
  while (!plain.empty()) {
    const auto block = plain.first(std::min<std::size_t>(plain.size(), std::size_t{8} << 20));
    Bytes packed(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(block.size()))));
    const int size = LZ4_compress_default(reinterpret_cast<const char*>(block.data()), reinterpret_cast<char*>(packed.data()),
                                          static_cast<int>(block.size()), static_cast<int>(packed.size()));
    append_le32(out, static_cast<std::uint32_t>(size));
    out.insert(out.end(), packed.begin(), packed.begin() + size);
    plain = plain.subspan(block.size());
  }
  return out;
}

}  // namespace

std::vector<Codec> written_codecs() {
  return {Codec::deflate_raw, Codec::zlib, Codec::gzip,      Codec::bzip2,     Codec::xz,
          Codec::lzma_alone,  Codec::zip_lzma, Codec::zstd, Codec::lz4_frame, Codec::lz4_legacy};
}

Bytes encode(Codec codec, std::span<const std::byte> plain) {
  switch (codec) {
    case Codec::deflate_raw: return with_zlib(plain, -MAX_WBITS);
    case Codec::zlib: return with_zlib(plain, MAX_WBITS);
    case Codec::gzip: return with_zlib(plain, MAX_WBITS + 16);
    case Codec::bzip2: return with_bzip2(plain);
    case Codec::xz: return with_lzma(plain, false);
    case Codec::lzma_alone: return with_lzma(plain, true);
    case Codec::zip_lzma: return as_zip_lzma(with_lzma(plain, true));
    case Codec::zstd: return with_zstd(plain);
    case Codec::lz4_frame: return with_lz4(plain);
    case Codec::lz4_legacy: return with_legacy_lz4(plain);
    case Codec::lzip:
    case Codec::unix_compress: break;  // no library writes them
  }
  throw std::runtime_error("no encoder");
}

}  // namespace modelaudit::test
