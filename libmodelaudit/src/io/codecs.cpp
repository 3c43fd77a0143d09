#include "io/codecs.hpp"

#include <algorithm>

#include "io/codecs_step.hpp"

namespace modelaudit::io {

const char* to_string(Codec codec) noexcept {
  switch (codec) {
    case Codec::deflate_raw: return "deflate";
    case Codec::zlib: return "zlib";
    case Codec::gzip: return "gzip";
    case Codec::bzip2: return "bzip2";
    case Codec::xz: return "xz";
    case Codec::lzma_alone: return "lzma";
    case Codec::zip_lzma: return "lzma in zip";
    case Codec::zstd: return "zstd";
    case Codec::lz4_frame: return "lz4";
    case Codec::lz4_legacy: return "legacy lz4";
    case Codec::lzip: return "lzip";
    case Codec::unix_compress: return "compress";
  }
  return "unknown";
}

namespace {
// Enough for every field that a step() reads at once; a reader gives fewer bytes only at the end of its input.
constexpr std::uint64_t k_least_window = 16;
}  // namespace

std::span<const std::byte> Feed::peek(std::uint64_t most) {
  const std::span<const std::byte> all = reader_ != nullptr ? reader_->window(k_least_window).span() : view_.from(taken_).span();
  return all.first(static_cast<std::size_t>(std::min<std::uint64_t>(all.size(), most)));
}

void Feed::take(std::uint64_t n) {
  if (reader_ != nullptr) reader_->advance(n);
  taken_ += n;
}

std::size_t SteppedDecoder::read(std::span<std::byte> into) {
  if (into.empty()) return 0;
  while (!finished_ && !failure_) {
    const std::span<const std::byte> in = feed_.peek(appetite());
    const Step done = step(in, into);
    feed_.take(done.taken);
    if (done.broken != nullptr) {
      failure_ = Failure{done.code, feed_.offset(), done.broken};
    } else if (done.ended) {
      finished_ = true;
    } else if (in.empty() && done.made == 0) {
      failure_ = Failure{Errc::truncated, feed_.offset(), cut()};
    } else if (done.taken == 0 && done.made == 0) {
      // With input and room at hand a codec moves, or it never will.
      failure_ = Failure{Errc::malformed, feed_.offset(), "decoder makes no progress"};
    }
    if (done.made != 0) return static_cast<std::size_t>(done.made);
  }
  if (failure_) throw_malformed(failure_->code, failure_->offset, failure_->what);
  return 0;
}

namespace {

std::unique_ptr<Decoder> make(Codec codec, Feed feed, std::optional<std::uint64_t> decoded_size) {
  switch (codec) {
    case Codec::deflate_raw:
    case Codec::zlib:
    case Codec::gzip: return make_zlib_decoder(codec, feed);
    case Codec::bzip2: return make_bzip2_decoder(feed);
    case Codec::xz:
    case Codec::lzma_alone:
    case Codec::zip_lzma:
    case Codec::lzip: return make_lzma_decoder(codec, feed, decoded_size);
    case Codec::zstd: return make_zstd_decoder(feed);
    case Codec::lz4_frame:
    case Codec::lz4_legacy: return make_lz4_decoder(codec, feed);
    case Codec::unix_compress: return make_lzw_decoder(feed);
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(Codec codec, ByteView input, std::optional<std::uint64_t> decoded_size) {
  return make(codec, Feed(input), decoded_size);
}

std::unique_ptr<Decoder> make_decoder(Codec codec, ForwardReader& input, std::optional<std::uint64_t> decoded_size) {
  return make(codec, Feed(input), decoded_size);
}

std::size_t read_fully(ByteSource& source, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const std::size_t got = source.read(into.subspan(done));
    if (got == 0) break;
    done += got;
  }
  return done;
}

}  // namespace modelaudit::io
