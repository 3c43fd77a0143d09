#include <algorithm>
#include <limits>
#include <new>

#include <zlib.h>

#include "io/codecs_step.hpp"

namespace modelaudit::io {
namespace {

uInt clipped(std::size_t n) { return static_cast<uInt>(std::min<std::size_t>(n, std::numeric_limits<uInt>::max())); }

/// Raw deflate, zlib and gzip differ in the window-bits argument alone.
class ZlibDecoder final : public SteppedDecoder {
 public:
  ZlibDecoder(Codec codec, Feed feed) : SteppedDecoder(feed), codec_(codec) {
    const int bits = codec == Codec::deflate_raw ? -MAX_WBITS : codec == Codec::gzip ? MAX_WBITS + 16 : MAX_WBITS;
    if (inflateInit2(&stream_, bits) != Z_OK) throw std::bad_alloc();
  }
  ~ZlibDecoder() override { inflateEnd(&stream_); }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

 private:
  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    stream_.next_in = reinterpret_cast<z_const Bytef*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = clipped(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = clipped(out.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    Step done;
    done.taken = clipped(in.size()) - stream_.avail_in;
    done.made = clipped(out.size()) - stream_.avail_out;
    done.ended = status == Z_STREAM_END;
    if (status == Z_NEED_DICT) {
      done.code = Errc::unsupported;
      done.broken = "zlib: a preset dictionary is needed";
    } else if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      done.broken = codec_ == Codec::gzip ? "gzip: damaged data or wrong checksum" : "deflate: damaged data or wrong checksum";
    }
    return done;
  }
  const char* cut() const override {
    return codec_ == Codec::gzip ? "gzip: member ends early" : "deflate: stream ends early";
  }

  Codec codec_;
  z_stream stream_{};
};

}  // namespace

std::unique_ptr<Decoder> make_zlib_decoder(Codec codec, Feed feed) { return std::make_unique<ZlibDecoder>(codec, feed); }

}  // namespace modelaudit::io
