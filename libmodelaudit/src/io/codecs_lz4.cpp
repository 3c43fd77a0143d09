#include <algorithm>
#include <new>
#include <vector>

#include <lz4.h>
#include <lz4frame.h>

#include "io/codecs_step.hpp"

namespace modelaudit::io {
namespace {

// LZ4 frame format 1.6.2: block size and block checksum are 4 bytes each; bit 4 of FLG: blocks carry checksums.
constexpr std::size_t k_block_header = 4;
constexpr std::size_t k_block_checksum = 4;
constexpr std::uint64_t k_flags_at = 4;

/// As with zstd the library forgets the output of a call that fails: it is fed one block a call, and the checksum of a
/// block by itself.
class Lz4Decoder final : public SteppedDecoder {
 public:
  explicit Lz4Decoder(Feed feed) : SteppedDecoder(feed) {
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) != 0) throw std::bad_alloc();
  }
  ~Lz4Decoder() override { LZ4F_freeDecompressionContext(context_); }
  Lz4Decoder(const Lz4Decoder&) = delete;
  Lz4Decoder& operator=(const Lz4Decoder&) = delete;

 private:
  std::uint64_t appetite() const override {
    const std::size_t tail = k_block_header + (block_checksums_ ? k_block_checksum : 0);
    return hint_ > tail ? hint_ - tail : hint_ > k_block_header ? hint_ - k_block_header : hint_;
  }

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    if (held_back_ && !in.empty()) {
      const Step flushed = run({}, out);
      if (flushed.made != 0 || flushed.ended || flushed.broken != nullptr) return flushed;
    }
    note_flags(in);
    return run(in, out);
  }

  Step run(std::span<const std::byte> in, std::span<std::byte> out) {
    std::size_t made = out.size();
    std::size_t taken = in.size();
    const std::size_t status = LZ4F_decompress(context_, out.data(), &made, in.data(), &taken, nullptr);
    Step done;
    if (LZ4F_isError(status) != 0) {
      done.broken = "lz4: damaged data or wrong checksum";
      return done;
    }
    done.taken = taken;
    done.made = made;
    seen_ += taken;
    held_back_ = made == out.size();
    hint_ = std::max<std::size_t>(status, 1);
    done.ended = status == 0;
    return done;
  }
  const char* cut() const override { return "lz4: frame ends early"; }

  void note_flags(std::span<const std::byte> in) {
    if (seen_ > k_flags_at || in.size() <= k_flags_at - seen_) return;
    block_checksums_ = (static_cast<std::uint8_t>(in[static_cast<std::size_t>(k_flags_at - seen_)]) & 0x10) != 0;
  }

  LZ4F_dctx* context_ = nullptr;
  std::size_t hint_ = 7 + k_block_header;  // the shortest frame header
  std::uint64_t seen_ = 0;
  bool block_checksums_ = false;
  bool held_back_ = false;  ///< the last call filled its output
};

/// "Legacy frame" of the same specification: magic, then (size, block) pairs to the end or to another magic; each
/// block decodes to 8 MiB, the last to less.
class LegacyLz4Decoder final : public SteppedDecoder {
 public:
  explicit LegacyLz4Decoder(Feed feed) : SteppedDecoder(feed) {}

 private:
  static constexpr std::size_t k_block = std::size_t{8} << 20;
  static constexpr std::uint32_t k_legacy_magic = 0x184C2102;
  static constexpr std::uint32_t k_frame_magic = 0x184D2204;
  static constexpr std::uint32_t k_skippable_magic = 0x184D2A50;

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    Step done;
    if (given_ < decoded_.size()) {
      done.made = std::min<std::uint64_t>(out.size(), decoded_.size() - given_);
      std::copy_n(decoded_.begin() + static_cast<std::ptrdiff_t>(given_), done.made, out.begin());
      given_ += static_cast<std::size_t>(done.made);
      return done;
    }
    if (in.empty() && started_ && block_size_ == 0) {
      done.ended = true;
      return done;
    }
    if (block_size_ == 0) return open_block(in);
    const std::size_t wanted = std::min<std::size_t>(block_size_ - block_.size(), in.size());
    block_.insert(block_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(wanted));
    done.taken = wanted;
    if (block_.size() == block_size_) decode(done);
    return done;
  }

  /// Reads the magic or the size of a block. A size that is really a magic is left to the next member.
  Step open_block(std::span<const std::byte> in) {
    Step done;
    const auto value = ByteView(in).le<std::uint32_t>(0);
    if (!value) {
      done.code = Errc::truncated;
      done.broken = cut();
    } else if (!started_) {
      started_ = true;
      if (*value == k_legacy_magic) {
        done.taken = 4;
      } else {
        done.broken = "lz4: wrong magic";
      }
    } else if (is_magic(*value)) {
      done.ended = true;
    } else if (*value == 0 || *value > LZ4_COMPRESSBOUND(k_block)) {
      done.broken = "lz4: impossible block size";
    } else {
      done.taken = 4;
      block_size_ = *value;
    }
    return done;
  }
  static bool is_magic(std::uint32_t value) {
    return value == k_legacy_magic || value == k_frame_magic || (value & 0xfffffff0U) == k_skippable_magic;
  }
  void decode(Step& done) {
    decoded_.resize(k_block);
    const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(block_.data()), reinterpret_cast<char*>(decoded_.data()),
                                         static_cast<int>(block_.size()), static_cast<int>(k_block));
    decoded_.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    if (size < 0) done.broken = "lz4: damaged data";
    given_ = 0;
    block_size_ = 0;
    block_.clear();
  }
  const char* cut() const override { return "lz4: block ends early"; }

  bool started_ = false;
  std::size_t block_size_ = 0;  ///< 0: between blocks
  std::vector<std::byte> block_;
  std::vector<std::byte> decoded_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> make_lz4_decoder(Codec codec, Feed feed) {
  if (codec == Codec::lz4_legacy) return std::make_unique<LegacyLz4Decoder>(feed);
  return std::make_unique<Lz4Decoder>(feed);
}

}  // namespace modelaudit::io
