/// @file
/// What the decoders of io/codecs share: an input that is a view or a reader, and the loop around one codec's step.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "io/codecs.hpp"

namespace modelaudit::io {

/// The encoded input of one member, from either kind of source.
class Feed {
 public:
  explicit Feed(ByteView view) noexcept : view_(view), base_(view.offset()) {}
  explicit Feed(ForwardReader& reader) : reader_(&reader), base_(reader.position()) {}

  /// The next bytes, at most `most` of them; empty only at the end of the input.
  std::span<const std::byte> peek(std::uint64_t most);
  void take(std::uint64_t n);
  std::uint64_t taken() const noexcept { return taken_; }
  std::uint64_t offset() const noexcept { return base_ + taken_; }

 private:
  ByteView view_;
  ForwardReader* reader_ = nullptr;
  std::uint64_t base_ = 0;
  std::uint64_t taken_ = 0;
};

/// One call of a codec: bytes taken and made, and whether the member ended or broke.
struct Step {
  std::uint64_t taken = 0;
  std::uint64_t made = 0;
  bool ended = false;
  const char* broken = nullptr;  ///< a literal that says how, or nothing
  Errc code = Errc::malformed;
};

/// Drives a codec's step() over the feed, so that output comes before an error.
class SteppedDecoder : public Decoder {
 public:
  explicit SteppedDecoder(Feed feed) : feed_(feed) {}
  std::size_t read(std::span<std::byte> into) final;
  std::uint64_t consumed() const noexcept final { return feed_.taken(); }
  bool finished() const noexcept final { return finished_; }

 protected:
  /// Decodes from `in` (empty at the end of the input) to `out` (never empty).
  virtual Step step(std::span<const std::byte> in, std::span<std::byte> out) = 0;
  /// The most bytes that step() wants to see at once.
  virtual std::uint64_t appetite() const { return std::uint64_t{1} << 30; }
  /// The literal for an input that ends too early.
  virtual const char* cut() const = 0;

 private:
  Feed feed_;
  bool finished_ = false;
  std::optional<Failure> failure_;
};

/// An LZ family decoder must not ask for more than this; 256 MiB.
inline constexpr std::uint64_t k_decoder_memory = std::uint64_t{256} << 20;

// One factory a library, each in its own file.
std::unique_ptr<Decoder> make_zlib_decoder(Codec codec, Feed feed);
std::unique_ptr<Decoder> make_bzip2_decoder(Feed feed);
std::unique_ptr<Decoder> make_lzma_decoder(Codec codec, Feed feed, std::optional<std::uint64_t> decoded_size);
std::unique_ptr<Decoder> make_zstd_decoder(Feed feed);
std::unique_ptr<Decoder> make_lz4_decoder(Codec codec, Feed feed);
std::unique_ptr<Decoder> make_lzw_decoder(Feed feed);

}  // namespace modelaudit::io
