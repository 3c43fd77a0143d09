#include <algorithm>
#include <limits>
#include <new>

#include <bzlib.h>

#include "io/codecs_step.hpp"

namespace modelaudit::io {
namespace {

unsigned clipped(std::size_t n) {
  return static_cast<unsigned>(std::min<std::size_t>(n, std::numeric_limits<unsigned>::max()));
}

class Bzip2Decoder final : public SteppedDecoder {
 public:
  explicit Bzip2Decoder(Feed feed) : SteppedDecoder(feed) {
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
  }
  ~Bzip2Decoder() override { BZ2_bzDecompressEnd(&stream_); }
  Bzip2Decoder(const Bzip2Decoder&) = delete;
  Bzip2Decoder& operator=(const Bzip2Decoder&) = delete;

 private:
  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    stream_.next_in = reinterpret_cast<char*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = clipped(in.size());
    stream_.next_out = reinterpret_cast<char*>(out.data());
    stream_.avail_out = clipped(out.size());
    const int status = BZ2_bzDecompress(&stream_);
    if (status == BZ_MEM_ERROR) throw std::bad_alloc();
    Step done;
    done.taken = clipped(in.size()) - stream_.avail_in;
    done.made = clipped(out.size()) - stream_.avail_out;
    done.ended = status == BZ_STREAM_END;
    if (status != BZ_OK && status != BZ_STREAM_END) done.broken = "bzip2: damaged data or wrong checksum";
    return done;
  }
  const char* cut() const override { return "bzip2: stream ends early"; }

  bz_stream stream_{};
};

}  // namespace

std::unique_ptr<Decoder> make_bzip2_decoder(Feed feed) { return std::make_unique<Bzip2Decoder>(feed); }

}  // namespace modelaudit::io
