#include "wire/zip/archive.hpp"

#include <catch2/catch.hpp>

#include <string>

#include "support/zip_builder.hpp"

using namespace modelaudit;
using namespace modelaudit::wire::zip;
using modelaudit::test::ZipBuilder;
using modelaudit::test::ZipMember;

namespace {

Source source_of(const std::string& bytes) {
  Source source;
  source.size = bytes.size();
  source.bytes = [&bytes](std::uint64_t offset, std::uint64_t length) { return as_view(bytes).clip(offset, length); };
  return source;
}

Archive read(std::string&&) = delete;  // the archive's views point into its bytes
Archive read(const std::string& bytes) {
  const Source source = source_of(bytes);
  return read_archive(source, 100000);
}

std::string two_members() {
  return ZipBuilder().add({"a.txt", "alpha"}).add({"b.txt", "beta beta"}).finish();
}

}  // namespace

TEST_CASE("an honest archive has one view, no slack and no overlap", "[zip]") {
  const std::string bytes = two_members();
  const Archive archive = read(bytes);
  REQUIRE(archive.entries.size() == 2);
  CHECK(archive.directories.size() == 1);
  CHECK(archive.slack.empty());
  CHECK(archive.overlap_count == 0);
  CHECK(archive.entries[1].view == View::central);
  CHECK(archive.entries[1].name().text() == "b.txt");
  const auto readings = readings_of(archive.entries[1]);
  REQUIRE(readings.size() == 1);
  CHECK(readings[0].compressed == 9);
}

TEST_CASE("a streamed member's extent includes its descriptor", "[zip]") {
  const std::string bytes = ZipBuilder().add({.name = "a", .data = "alpha", .streamed = true}).add({"b", "beta"}).finish();
  const Archive archive = read(bytes);
  REQUIRE(archive.entries.size() == 2);
  REQUIRE(archive.entries[0].descriptor);
  CHECK(archive.entries[0].descriptor->length == 16);
  CHECK(archive.slack.empty());
}

TEST_CASE("an entry that no directory lists is carved", "[zip]") {
  for (const std::uint16_t need : {std::uint16_t{0}, std::uint16_t{20}}) {
    ZipBuilder builder;
    builder.add({"a.txt", "alpha"});
    const std::size_t hidden_at = builder.bytes.size();
    builder.add({.name = "hidden.pkl", .data = "payload", .crc = 1, .listed = false});
    builder.bytes[hidden_at + 4] = static_cast<char>(need);
    builder.add({"b.txt", "beta"});
    const std::string bytes = builder.finish();
    const Archive archive = read(bytes);
    REQUIRE(archive.entries.size() == 3);
    CHECK(archive.entries[2].view == View::carved);
    CHECK(archive.entries[2].name().text() == "hidden.pkl");
    CHECK(archive.slack.empty());
  }
}

TEST_CASE("without an end record the local headers are walked, streamed ones too", "[zip]") {
  ZipBuilder builder;
  builder.add({.name = "a", .data = "alpha", .streamed = true}).add({.name = "b", .data = "beta", .streamed = true});
  const Archive archive = read(builder.bytes);
  REQUIRE(archive.entries.size() == 2);
  CHECK(archive.ends.empty());
  CHECK(readings_of(archive.entries[0]).front().compressed == 5);
  CHECK(readings_of(archive.entries[1]).front().compressed == 4);
}

TEST_CASE("directory records survive the loss of the end record", "[zip]") {
  const std::string bytes = two_members();
  const std::string cut = bytes.substr(0, bytes.size() - 22);
  const Archive archive = read(cut);
  REQUIRE(archive.entries.size() == 2);
  CHECK(archive.entries[0].central);
  CHECK(archive.ends.empty());
}

TEST_CASE("both of two concatenated archives are read", "[zip]") {
  const std::string first = ZipBuilder().add({"evil.pkl", "first"}).finish();
  const std::string bytes = first + ZipBuilder().add({"good.pkl", "second"}).finish();
  const Archive archive = read(bytes);
  REQUIRE(archive.entries.size() == 2);
  CHECK(archive.directories.size() == 2);
  CHECK(archive.base == first.size());
  CHECK(archive.entries[0].name().text() == "good.pkl");
  CHECK(archive.entries[1].name().text() == "evil.pkl");
  CHECK(archive.entries[1].view == View::other_directory);
}

TEST_CASE("an end record is found behind more junk than the specification allows", "[zip]") {
  const std::string bytes = two_members() + std::string(70000, '\0') + "x";
  const Archive archive = read(bytes);
  CHECK(archive.entries.size() == 2);
  REQUIRE(archive.slack.size() == 1);
  CHECK(archive.slack[0].place == SlackPlace::suffix);
}

TEST_CASE("a local size that leads elsewhere shows what streaming readers see", "[zip]") {
  ZipBuilder inner;
  inner.add({"inner.pkl", "payload"});
  const std::string data = "1234" + inner.bytes;
  const std::string bytes = ZipBuilder().add({.name = "outer.txt", .data = data, .local_compressed = 4}).finish();
  const Archive archive = read(bytes);
  REQUIRE(archive.entries.size() == 2);
  CHECK(archive.entries[1].view == View::local);
  CHECK(archive.entries[1].name().text() == "inner.pkl");
  CHECK(readings_of(archive.entries[0]).size() == 2);
}

TEST_CASE("two records for one place overlap", "[zip]") {
  ZipBuilder builder;
  builder.add({"a", "alpha"});
  ZipBuilder again;
  again.add({"b", "alpha"});
  builder.directory += again.directory;
  builder.count = 2;
  const std::string bytes = builder.finish();
  const Archive archive = read(bytes);
  CHECK(archive.entries.size() == 2);
  CHECK(archive.overlap_count == 1);
}

TEST_CASE("ZIP64 fields fill in what is all ones and contradict what is not", "[zip]") {
  using modelaudit::test::le;
  const std::string zip64 = le<std::uint16_t>(1) + le<std::uint16_t>(16) + le<std::uint64_t>(5) + le<std::uint64_t>(5);
  const std::string honest = ZipBuilder().add({.name = "a", .data = "alpha", .compressed = 0xFFFFFFFFu, .plain = 0xFFFFFFFFu, .extra = zip64}).finish();
  const Archive archive = read(honest);
  REQUIRE(archive.entries.size() == 1);
  CHECK(archive.entries[0].central->sizes == Sizes{5, 5});
  CHECK_FALSE(archive.entries[0].central->also_sizes);
  const std::string lie = le<std::uint16_t>(1) + le<std::uint16_t>(16) + le<std::uint64_t>(3) + le<std::uint64_t>(3);
  const std::string lying = ZipBuilder().add({.name = "a", .data = "alpha", .extra = lie}).finish();
  const Archive lied = read(lying);
  REQUIRE(lied.entries[0].central->also_sizes);
  CHECK(readings_of(lied.entries[0]).size() == 2);
}

TEST_CASE("sizes up to 2^64 end at the input's end", "[zip]") {
  using modelaudit::test::le;
  for (const std::uint64_t size : {std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    const std::string zip64 = le<std::uint16_t>(1) + le<std::uint16_t>(24) + le(size) + le(size) + le(size);
    const std::string bytes = ZipBuilder().add({.name = "a", .data = "alpha", .compressed = 0xFFFFFFFFu, .plain = 0xFFFFFFFFu, .extra = zip64}).finish();
    const Archive archive = read(bytes);
    REQUIRE(archive.entries.size() == 1);
    CHECK(archive.entries[0].cut);
    CHECK(archive.entries[0].extent.offset + archive.entries[0].extent.length <= bytes.size());
  }
}

TEST_CASE("every prefix and every flipped byte is read without losing the order of things", "[zip]") {
  const std::string bytes = ZipBuilder().add({.name = "a", .data = "alpha", .streamed = true}).add({"b", "beta"}).finish("comment");
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const std::string cut = bytes.substr(0, n);
    for (const Entry& entry : read(cut).entries) CHECK(entry.extent.offset + entry.extent.length <= cut.size());
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0xFF);
    for (const Entry& entry : read(flipped).entries) CHECK(entry.extent.offset + entry.extent.length <= flipped.size());
  }
}

TEST_CASE("a directory is routed by reading its records alone", "[zip]") {
  const std::string bytes = two_members();
  const Source source = source_of(bytes);
  const auto names = directory_names(source, 10);
  REQUIRE(names.size() == 2);
  CHECK(names[0].text() == "a.txt");
  CHECK(claim_of(source).starts);
  CHECK(claim_of(source).ends);
  const std::string text = "PK is not an archive by itself";
  const Source other = source_of(text);
  CHECK_FALSE(claim_of(other).starts);
  CHECK_FALSE(claim_of(other).ends);
}
