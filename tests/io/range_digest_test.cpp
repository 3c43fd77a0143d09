#include "io/range_digest.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "io/file.hpp"
#include "modelaudit/bytes.hpp"
#include "support/folder.hpp"

using namespace modelaudit;
using modelaudit::test::TemporaryFolder;

namespace {

std::string sample(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 % 251);
  return text;
}

/// By the grammar alone: what RangeDigest says of itself.
Digest digest_by_grammar(const std::string& text, const std::vector<ByteRange>& ranges) {
  io::FieldHasher pieces("modelaudit ranges 1");
  for (const ByteRange& range : ranges) {
    std::uint64_t at = range.offset;
    const std::uint64_t end = range.offset + range.length;
    while (at < end) {
      const std::uint64_t next = std::min(end, (at / io::k_digest_piece + 1) * io::k_digest_piece);
      pieces.number(at).number(next - at).digest(io::sha256(as_view(std::string_view(text).substr(at, next - at)).span()));
      at = next;
    }
  }
  return pieces.finish();
}

}  // namespace

TEST_CASE("ranges have the same digest mapped, read by position and read later", "[digest]") {
  const TemporaryFolder folder;
  const std::string text = sample((std::size_t{11} << 20) + 77);
  const auto fd = io::open_regular(folder.write("a.bin", text));
  REQUIRE(fd);
  const std::vector<ByteRange> ranges = GENERATE_COPY(
      std::vector<ByteRange>{}, std::vector<ByteRange>{{0, 1}}, std::vector<ByteRange>{{5, 10}, {99, 1}},
      std::vector<ByteRange>{{(1 << 20) - 1, 2}}, std::vector<ByteRange>{{0, text.size()}},
      std::vector<ByteRange>{{0, std::uint64_t{9} << 20}, {(std::uint64_t{9} << 20) + 1, 5}, {text.size() - 1, 1}});
  const Digest expected = digest_by_grammar(text, ranges);
  const auto later = io::digest_of_ranges(fd->get(), ranges);
  REQUIRE(later);
  CHECK(*later == expected);
  for (const ReadStrategy strategy : {ReadStrategy::mapped, ReadStrategy::positioned}) {
    const auto reader = io::open_reader(fd->get(), text.size(), strategy);
    REQUIRE(reader);
    (*reader)->begin_digest();
    for (const ByteRange& range : ranges) {  // in small steps, as scanners read; large ones set a hashing thread going
      for (std::uint64_t at = range.offset; at < range.offset + range.length; at += 300'000) {
        (void)(*reader)->bytes(at, std::min<std::uint64_t>(300'000, range.offset + range.length - at));
      }
    }
    const auto read = (*reader)->end_digest(ranges);
    REQUIRE(read);
    CHECK(read->ranges == ranges);
    CHECK(read->digest == expected);
  }
}

TEST_CASE("positioned reads are hashed as they came, in their order", "[digest]") {
  const TemporaryFolder folder;
  const std::string text = sample(5000);
  const auto fd = io::open_regular(folder.write("a.bin", text));
  REQUIRE(fd);
  const auto reader = io::open_reader(fd->get(), text.size(), ReadStrategy::positioned);
  REQUIRE(reader);
  (*reader)->begin_digest();
  (void)(*reader)->bytes(4000, 100);
  (void)(*reader)->bytes(0, 50);
  folder.write("a.bin", sample(4999) + "!");  // what was read before counts, not what is there now
  const auto read = (*reader)->end_digest({});
  REQUIRE(read);
  CHECK(read->ranges == std::vector<ByteRange>{{4000, 100}, {0, 50}});
  CHECK(read->digest == digest_by_grammar(text, read->ranges));
}

TEST_CASE("the digest tells bytes, places and order apart", "[digest]") {
  const std::string text = sample(3000);
  const auto of = [&](const std::vector<ByteRange>& ranges) {
    io::RangeDigest digest;
    for (const ByteRange& r : ranges) digest.add(r.offset, as_view(std::string_view(text).substr(r.offset, r.length)).span());
    return digest.finish();
  };
  const Digest one = of({{0, 100}, {251, 100}});
  CHECK(one == of({{0, 60}, {60, 40}, {251, 100}}));  // neighbours are one range
  CHECK(one != of({{251, 100}, {0, 100}}));
  CHECK(one != of({{0, 100}}));
  CHECK(of({{0, 100}}) != of({{251, 100}}));  // the same bytes elsewhere
}

TEST_CASE("ranges beyond the end have no digest", "[digest]") {
  const TemporaryFolder folder;
  const auto fd = io::open_regular(folder.write("a.bin", "0123456789"));
  REQUIRE(fd);
  CHECK(io::digest_of_ranges(fd->get(), std::vector<ByteRange>{{0, 10}}));
  CHECK_FALSE(io::digest_of_ranges(fd->get(), std::vector<ByteRange>{{0, 11}}));
  CHECK_FALSE(io::digest_of_ranges(fd->get(), std::vector<ByteRange>{{~std::uint64_t{0}, 1}}));
  CHECK(*io::digest_of_file(fd->get(), 10) == io::sha256(as_view("0123456789").span()));
  CHECK_FALSE(io::digest_of_file(fd->get(), 11));
}

TEST_CASE("too many ranges are widened over small gaps, or have no digest", "[digest]") {
  std::vector<ByteRange> near;
  std::vector<ByteRange> far;
  for (std::uint64_t i = 0; i <= io::k_most_digest_ranges; ++i) {
    near.push_back({i * 4096, 16});
    far.push_back({i * 100'000, 16});
  }
  CHECK(io::widened(near) == std::vector<ByteRange>{{0, io::k_most_digest_ranges * 4096 + 16}});
  CHECK(io::widened(far).size() == far.size());
  near.pop_back();
  CHECK(io::widened(near) == near);
}
