#include "io/codecs.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "encoders.hpp"
#include "modelaudit/error.hpp"
#include "support/hex.hpp"

namespace modelaudit::io {
namespace {

using Bytes = std::vector<std::byte>;
using test::encode;
using test::from_hex;

/// What came out of one member, and how it ended.
struct Outcome {
  Bytes out;
  std::uint64_t consumed = 0;
  bool finished = false;
  bool threw = false;
  Errc code{};
};

Outcome drain(Decoder& decoder, std::size_t step, std::size_t most = std::size_t{1} << 26) {
  Outcome result;
  Bytes buffer(step);
  try {
    while (result.out.size() < most) {
      const std::size_t got = decoder.read(buffer);
      if (got == 0) break;
      result.out.insert(result.out.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
    }
  } catch (const Malformed& e) {
    result.threw = true;
    result.code = e.failure().code;
  }
  result.consumed = decoder.consumed();
  result.finished = decoder.finished();
  return result;
}

Outcome decode(Codec codec, const Bytes& input, std::size_t step = 65536, std::optional<std::uint64_t> size = {}) {
  const auto decoder = make_decoder(codec, ByteView(input), size);
  return drain(*decoder, step);
}

/// Text that compresses, and noise that does not.
Bytes sample(std::size_t size, bool noise) {
  Bytes out(size);
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    out[i] = noise ? static_cast<std::byte>(state >> 24) : static_cast<std::byte>("layer.weight "[(i + (state >> 30)) % 13]);
  }
  return out;
}

/// Hands out windows as small as it may.
class SmallWindows final : public ForwardReader {
 public:
  explicit SmallWindows(ByteView view) : view_(view) {}
  std::uint64_t position() const noexcept override { return at_; }
  ByteView window(std::uint64_t min) override { return view_.clip(at_, min); }
  std::uint64_t advance(std::uint64_t n) override {
    const std::uint64_t moved = std::min(n, view_.size() - at_);
    at_ += moved;
    return moved;
  }
  std::uint64_t max_window() const noexcept override { return 64; }
  bool stable() const noexcept override { return false; }
  std::optional<std::uint64_t> size() const noexcept override { return std::nullopt; }

 private:
  ByteView view_;
  std::uint64_t at_ = 0;
};

const char* const k_compress_hex =
    "1f9d9074de80105306c41b3920dcbca10322e0c0820e091a44a89061448802251e4c"
    "b8b061468c0f2772b4f8d163c88d154d4abc081000000020dec801e1e60d1d1074de"
    "80105306a142860107163c987061c38a10051234e8d062c78c123962bcf8b0a1c689"
    "1f497a3c29b264ca881b29ba1c0913254d9a2c657ac4195227449e315f02b539d365"
    "4ea1467b225da99426";

TEST_CASE("each codec gives back what its library wrote and stops at the member's end", "[codecs]") {
  for (const Codec codec : test::written_codecs()) {
    for (const bool noise : {false, true}) {
      for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{700'000}}) {
        INFO(to_string(codec) << " " << size << " noise " << noise);
        const Bytes plain = sample(size, noise);
        Bytes packed = encode(codec, plain);
        const std::uint64_t member = packed.size();
        // Legacy lz4 ends at the end of the input or at a magic.
        const Bytes trail = codec == Codec::lz4_legacy ? from_hex("04 22 4d 18 00") : from_hex("00 01 02 03 04");
        packed.insert(packed.end(), trail.begin(), trail.end());
        const Outcome all = decode(codec, packed);
        CHECK(all.finished);
        CHECK_FALSE(all.threw);
        CHECK(all.consumed == member);
        CHECK((all.out == plain));
        SmallWindows reader{ByteView(packed)};
        const Outcome slow = drain(*make_decoder(codec, reader), 777);
        CHECK(slow.finished);
        CHECK((slow.out == plain));
        CHECK(reader.position() == member);
      }
    }
  }
}

TEST_CASE("an empty input and an empty member", "[codecs]") {
  for (const Codec codec : test::written_codecs()) {
    INFO(to_string(codec));
    const Outcome nothing = decode(codec, {});
    CHECK(nothing.threw);
    CHECK(nothing.code == Errc::truncated);
    CHECK_FALSE(nothing.finished);
    const Outcome empty = decode(codec, encode(codec, {}));
    CHECK(empty.finished);
    CHECK(empty.out.empty());
  }
}

TEST_CASE("output does not depend on the size of the buffer", "[codecs]") {
  const Bytes plain = sample(3000, false);
  for (const Codec codec : test::written_codecs()) {
    INFO(to_string(codec));
    const Outcome slow = decode(codec, encode(codec, plain), 1);
    CHECK(slow.finished);
    CHECK((slow.out == plain));
  }
}

TEST_CASE("a member cut at any byte gives a prefix and says truncated", "[codecs]") {
  const Bytes plain = sample(500, true);
  for (const Codec codec : test::written_codecs()) {
    const Bytes packed = encode(codec, plain);
    for (std::size_t cut = 0; cut < packed.size(); ++cut) {
      INFO(to_string(codec) << " cut at " << cut << " of " << packed.size());
      const Outcome part = decode(codec, Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(cut)));
      // A legacy lz4 file may end after any block, so after its magic alone.
      if (codec == Codec::lz4_legacy && cut == 4) continue;
      CHECK(part.threw);
      CHECK(part.code == Errc::truncated);
      CHECK_FALSE(part.finished);
      CHECK((part.out.size() <= plain.size() && std::equal(part.out.begin(), part.out.end(), plain.begin())));
    }
  }
}

TEST_CASE("a member with any byte flipped ends", "[codecs]") {
  const Bytes plain = sample(500, false);
  for (const Codec codec : test::written_codecs()) {
    const Bytes packed = encode(codec, plain);
    for (std::size_t at = 0; at < packed.size(); ++at) {
      INFO(to_string(codec) << " flipped at " << at);
      Bytes bad = packed;
      bad[at] ^= std::byte{0xff};
      const Outcome first = decode(codec, bad);
      CHECK(first.finished != first.threw);
      const Outcome second = decode(codec, bad, 333);
      // liblzma drops up to a match behind the damage; everything else is the same whatever the buffer.
      const std::size_t common = std::min(first.out.size(), second.out.size());
      CHECK((codec == Codec::xz || first.out.size() == second.out.size()));
      CHECK(std::equal(first.out.begin(), first.out.begin() + static_cast<std::ptrdiff_t>(common), second.out.begin()));
      CHECK(first.threw == second.threw);
    }
  }
}

TEST_CASE("output before the damage is not lost", "[codecs]") {
  const Bytes plain = sample(2'000'000, true);
  for (const Codec codec : {Codec::zlib, Codec::gzip, Codec::xz, Codec::zstd, Codec::lz4_frame, Codec::bzip2}) {
    INFO(to_string(codec));
    Bytes bad = encode(codec, plain);
    REQUIRE(bad.size() > 1'500'000);
    bad[1'500'000] ^= std::byte{0xff};
    const Outcome part = decode(codec, bad);
    CHECK(part.threw);
    CHECK(part.code == Errc::malformed);
    // bzip2 checks a block of 100 kB as a whole, zstd 128 KiB, lz4 64 KiB.
    CHECK(part.out.size() > 1'200'000);
    CHECK(std::equal(part.out.begin(), part.out.begin() + 1'200'000, plain.begin()));
  }
}

TEST_CASE("a wrong checksum at the end costs no output", "[codecs]") {
  const Bytes plain = sample(300'000, true);
  for (const Codec codec : {Codec::zlib, Codec::gzip, Codec::zstd, Codec::lz4_frame}) {
    INFO(to_string(codec));
    Bytes bad = encode(codec, plain);
    bad[bad.size() - (codec == Codec::gzip ? 5 : 1)] ^= std::byte{0xff};
    const Outcome whole = decode(codec, bad);
    CHECK(whole.threw);
    CHECK((whole.out == plain));
  }
}

TEST_CASE("a block checksum that is wrong costs no output either", "[codecs]") {
  const Bytes plain = sample(50'000, true);  // one block, stored as it is
  Bytes bad = encode(Codec::lz4_frame, plain);
  bad[bad.size() - 9] ^= std::byte{0xff};  // content checksum 4, end mark 4, then the block's checksum
  const Outcome whole = decode(Codec::lz4_frame, bad);
  CHECK(whole.threw);
  CHECK((whole.out == plain));
}

TEST_CASE("lzma in zip ends by the size that the container knows", "[codecs]") {
  const Bytes plain = sample(5000, false);
  const Bytes marked = encode(Codec::zip_lzma, plain);
  CHECK((decode(Codec::zip_lzma, marked, 65536, plain.size()).out == plain));
  const Outcome early = decode(Codec::zip_lzma, marked, 65536, 100);
  CHECK((early.out == Bytes(plain.begin(), plain.begin() + 100)));
  CHECK(decode(Codec::zip_lzma, from_hex("10 02 06 00 5d 00 00 10 00 00 00")).code == Errc::malformed);
}

TEST_CASE("memory beyond 256 MiB is refused", "[codecs]") {
  // .lzma with a dictionary of 1 GiB; zstd with a window of 2^31.
  const Outcome lzma = decode(Codec::lzma_alone, from_hex("5d 00 00 00 40 ff ff ff ff ff ff ff ff 00 00 00 00 00 00"));
  CHECK(lzma.threw);
  CHECK(lzma.code == Errc::limit);
  const Outcome zstd = decode(Codec::zstd, from_hex("28 b5 2f fd 00 a8 01 00 00"));
  CHECK(zstd.threw);
  CHECK(zstd.code == Errc::limit);
}

TEST_CASE("dictionaries that nobody has are unsupported", "[codecs]") {
  const Outcome zlib = decode(Codec::zlib, from_hex("78 bb 00 00 00 01 00 00 00"));
  CHECK(zlib.threw);
  CHECK(zlib.code == Errc::unsupported);
}

TEST_CASE("skippable frames are members without output", "[codecs]") {
  const Bytes skip = from_hex("50 2a 4d 18 04 00 00 00 \"abcd\" \"next\"");
  for (const Codec codec : {Codec::zstd, Codec::lz4_frame}) {
    INFO(to_string(codec));
    const Outcome none = decode(codec, skip);
    CHECK(none.finished);
    CHECK(none.out.empty());
    CHECK(none.consumed == 12);
  }
}

TEST_CASE("compress: codes grow, the table is cleared, groups are padded", "[codecs]") {
  const Bytes packed = from_hex(k_compress_hex);
  const Outcome all = decode(Codec::unix_compress, packed);
  CHECK(all.finished);
  std::string text;
  for (const std::byte b : all.out) text += static_cast<char>(b);
  std::string expected;
  for (int i = 0; i < 20; ++i) expected += "to be or not to be ";
  CHECK(text == expected);
  CHECK((decode(Codec::unix_compress, packed, 1).out == all.out));
  for (std::size_t cut = 0; cut < packed.size(); ++cut) {
    const Outcome part = decode(Codec::unix_compress, Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(cut)));
    CHECK(part.finished == (cut >= 3));  // no end marker: any rest is an end
    CHECK((part.out.size() <= all.out.size() && std::equal(part.out.begin(), part.out.end(), all.out.begin())));
  }
  for (std::size_t at = 0; at < packed.size(); ++at) {
    Bytes bad = packed;
    bad[at] ^= std::byte{0xff};
    const Outcome end = decode(Codec::unix_compress, bad);
    CHECK(end.finished != end.threw);
  }
}

}  // namespace
}  // namespace modelaudit::io
