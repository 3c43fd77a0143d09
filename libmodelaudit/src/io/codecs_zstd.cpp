#include <new>

#include <zstd.h>
#include <zstd_errors.h>

#include "io/codecs_step.hpp"

namespace modelaudit::io {
namespace {

// RFC 8878 3.1.1.2: Block_Header is 3 bytes.
constexpr std::size_t k_block_header = 3;
// 128 MiB, what the zstd tool accepts without being asked for more.
constexpr int k_window_log = 27;

/// The library drops the output of the call that meets an error, so it is fed one block (or one block header) a call:
/// the hint it returns is the rest of the block and the next header.
class ZstdDecoder final : public SteppedDecoder {
 public:
  explicit ZstdDecoder(Feed feed) : SteppedDecoder(feed), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, k_window_log);
    hint_ = ZSTD_initDStream(stream_);
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

 private:
  std::uint64_t appetite() const override {
    return hint_ > k_block_header ? hint_ - k_block_header : hint_ == 0 ? 1 : hint_;
  }

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    // What the last call could not hand out comes first, or an error in the next block would swallow it.
    if (held_back_ && !in.empty()) {
      const Step flushed = run({}, out);
      if (flushed.made != 0 || flushed.ended || flushed.broken != nullptr) return flushed;
    }
    return run(in, out);
  }

  Step run(std::span<const std::byte> in, std::span<std::byte> out) {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t status = ZSTD_decompressStream(stream_, &to, &from);
    Step done;
    done.taken = from.pos;
    done.made = to.pos;
    held_back_ = to.pos == out.size();
    if (ZSTD_isError(status) == 0) {
      hint_ = status;
      done.ended = status == 0;
      return done;
    }
    switch (ZSTD_getErrorCode(status)) {
      case ZSTD_error_memory_allocation: throw std::bad_alloc();
      case ZSTD_error_frameParameter_windowTooLarge:
        done.code = Errc::limit;
        done.broken = "zstd: the window is larger than 128 MiB";
        break;
      case ZSTD_error_dictionary_wrong:
      case ZSTD_error_dictionary_corrupted:
        done.code = Errc::unsupported;
        done.broken = "zstd: a dictionary is needed";
        break;
      case ZSTD_error_frameParameter_unsupported:
      case ZSTD_error_version_unsupported:
        done.code = Errc::unsupported;
        done.broken = "zstd: unknown frame parameter";
        break;
      default: done.broken = "zstd: damaged data or wrong checksum"; break;
    }
    return done;
  }
  const char* cut() const override { return "zstd: frame ends early"; }

  ZSTD_DStream* stream_;
  std::size_t hint_ = 1;
  bool held_back_ = false;  ///< the last call filled its output
};

}  // namespace

std::unique_ptr<Decoder> make_zstd_decoder(Feed feed) { return std::make_unique<ZstdDecoder>(feed); }

}  // namespace modelaudit::io
