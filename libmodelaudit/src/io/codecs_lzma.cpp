#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include <lzma.h>

#include "io/codecs_step.hpp"

namespace modelaudit::io {
namespace {

// APPNOTE 5.8.8: version (2), size of properties (2, always 5), properties: lc/lp/pb (1), dictionary size (4).
constexpr std::size_t k_zip_header = 9;
// .lzma: properties (5), uncompressed size (8, all ones: unknown).
constexpr std::size_t k_alone_header = 13;

class LzmaDecoder final : public SteppedDecoder {
 public:
  LzmaDecoder(Codec codec, Feed feed, std::optional<std::uint64_t> decoded_size)
      : SteppedDecoder(feed), codec_(codec), decoded_size_(decoded_size.value_or(std::numeric_limits<std::uint64_t>::max())) {
    const lzma_ret status = codec == Codec::xz     ? lzma_stream_decoder(&stream_, k_decoder_memory, 0)
                            : codec == Codec::lzip ? lzma_lzip_decoder(&stream_, k_decoder_memory, 0)
                                                   : lzma_alone_decoder(&stream_, k_decoder_memory);
    if (status != LZMA_OK) throw std::bad_alloc();
  }
  ~LzmaDecoder() override { lzma_end(&stream_); }
  LzmaDecoder(const LzmaDecoder&) = delete;
  LzmaDecoder& operator=(const LzmaDecoder&) = delete;

 private:
  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    if (codec_ == Codec::zip_lzma && header_taken_ < k_zip_header) return take_zip_header(in);
    return run(in, out);
  }

  Step run(std::span<const std::byte> in, std::span<std::byte> out) {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret status = lzma_code(&stream_, LZMA_RUN);
    Step done;
    done.taken = in.size() - stream_.avail_in;
    done.made = out.size() - stream_.avail_out;
    switch (status) {
      case LZMA_OK:
      case LZMA_BUF_ERROR: break;
      case LZMA_STREAM_END: done.ended = true; break;
      case LZMA_MEM_ERROR: throw std::bad_alloc();
      case LZMA_MEMLIMIT_ERROR:
        done.code = Errc::limit;
        done.broken = "lzma: the dictionary is larger than 256 MiB";
        break;
      case LZMA_OPTIONS_ERROR:
        done.code = Errc::unsupported;
        done.broken = "lzma: unknown filter or option";
        break;
      default: done.broken = "lzma: damaged data or wrong checksum"; break;
    }
    return done;
  }

  /// Turns ZIP's header into that of a .lzma file, so that the known size ends a stream without end marker.
  Step take_zip_header(std::span<const std::byte> in) {
    Step done;
    while (done.taken < in.size() && header_taken_ < k_zip_header) {
      header_[header_taken_++] = in[static_cast<std::size_t>(done.taken++)];
    }
    if (header_taken_ < k_zip_header) return done;
    if (header_[2] != std::byte{5} || header_[3] != std::byte{0}) {
      done.broken = "lzma in zip: the properties are not 5 bytes long";
      return done;
    }
    std::array<std::byte, k_alone_header> alone{};
    std::copy(header_.begin() + 4, header_.end(), alone.begin());
    for (std::size_t i = 0; i < 8; ++i) alone[5 + i] = static_cast<std::byte>(decoded_size_ >> (8 * i));
    std::byte none{};
    const Step started = run(alone, std::span(&none, 1));
    // Only an empty member ends here: no output can come of a header.
    done.ended = started.ended;
    done.broken = started.broken;
    done.code = started.code;
    return done;
  }

  const char* cut() const override { return codec_ == Codec::xz ? "xz: stream ends early" : "lzma: stream ends early"; }

  Codec codec_;
  std::uint64_t decoded_size_;
  std::array<std::byte, k_zip_header> header_{};
  std::size_t header_taken_ = 0;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

}  // namespace

std::unique_ptr<Decoder> make_lzma_decoder(Codec codec, Feed feed, std::optional<std::uint64_t> decoded_size) {
  return std::make_unique<LzmaDecoder>(codec, feed, decoded_size);
}

}  // namespace modelaudit::io
