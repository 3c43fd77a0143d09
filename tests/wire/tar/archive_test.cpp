#include "wire/tar/archive.hpp"

#include <catch2/catch.hpp>

#include <string>

#include "support/tar_builder.hpp"

using namespace modelaudit;
using namespace modelaudit::wire::tar;
using modelaudit::test::pax_record;
using modelaudit::test::tar_member;
using modelaudit::test::tar_of;

namespace {

Source source_of(const std::string& bytes) {
  Source source;
  source.size = bytes.size();
  source.bytes = [&bytes](std::uint64_t offset, std::uint64_t length) { return as_view(bytes).clip(offset, length); };
  return source;
}

Archive read(const std::string& bytes) {
  const Source source = source_of(bytes);
  return read_archive(source, 10000);
}

bool recognised(const std::string& bytes) {
  const Source source = source_of(bytes);
  return is_tar(source);
}

}  // namespace

TEST_CASE("members follow each other in blocks", "[tar]") {
  const Archive archive = read(tar_of({{"a.txt", "alpha"}, {"b.txt", std::string(512, 'b')}, {"c.txt", ""}}));
  REQUIRE(archive.members.size() == 3);
  CHECK(archive.members[0].data == ByteRange{512, 5});
  CHECK(archive.members[1].data.length == 512);
  CHECK(archive.members[2].offset == 2048);
  CHECK(archive.has_end);
  CHECK(archive.unreadable.empty());
  CHECK(archive.padding.empty());
}

TEST_CASE("a tar is known by its checksum or its magic", "[tar]") {
  CHECK(recognised(tar_of({{"a", "x"}})));
  CHECK(recognised(tar_of({{.name = "a", .data = "x", .good_checksum = false}})));
  CHECK(recognised(std::string(512, '\0') + tar_of({{"a", "x"}})));
  CHECK_FALSE(recognised(std::string(4096, '\0')));
  CHECK_FALSE(recognised(std::string(4096, 'x')));
  CHECK_FALSE(recognised(tar_of({{"a", "x"}}).substr(0, 511)));
  CHECK_FALSE(recognised(""));
}

TEST_CASE("pax and GNU headers override names and sizes", "[tar]") {
  const std::string pax = tar_member({.name = "pax", .data = pax_record("path", "long/name.pkl") + pax_record("mtime", "1.5"), .type = 'x'});
  const Archive named = read(pax + tar_of({{"short", "data"}, {"next", "data"}}));
  REQUIRE(named.members.size() == 2);
  CHECK(named.members[0].name == "long/name.pkl");
  CHECK(named.members[1].name == "next");
  const std::string gnu = tar_member({.name = "././@LongLink", .data = std::string("gnu/name.pkl\0", 13), .type = 'L'});
  CHECK(read(gnu + tar_of({{"short", "data"}})).members[0].name == "gnu/name.pkl");
  const std::string global = tar_member({.name = "g", .data = pax_record("path", "all"), .type = 'g'});
  CHECK(read(global + tar_of({{"a", "1"}, {"b", "2"}})).members[1].name == "all");
}

TEST_CASE("where pax and header sizes differ, both ways are walked", "[tar]") {
  const std::string inner = tar_member({"inner.pkl", "payload"});
  const std::string pax = tar_member({.name = "pax", .data = pax_record("size", std::to_string(inner.size() + 512)), .type = 'x'});
  const std::string outer = modelaudit::test::tar_header({.name = "outer", .size = 512});
  const Archive archive = read(pax + outer + std::string(512, 'x') + inner + tar_of({{"last", "z"}}));
  REQUIRE(archive.members.size() == 3);
  CHECK(archive.members[0].pax_size);
  CHECK(archive.members[1].name == "last");
  CHECK(archive.members[2].name == "inner.pkl");
  CHECK(archive.members[2].alternate);
}

TEST_CASE("members behind the end, behind damage and behind zeros are found", "[tar]") {
  const Archive after = read(tar_of({{"a", "1"}}) + tar_of({{"b", "2"}}));
  REQUIRE(after.members.size() == 2);
  CHECK(after.members[1].after_end);
  const Archive damaged = read(tar_member({"a", "1"}) + tar_member({.name = "b", .data = "2", .good_checksum = false}) + tar_of({{"c", "3"}}));
  REQUIRE(damaged.members.size() == 2);
  CHECK(damaged.unreadable.size() == 1);
  CHECK(read(std::string(512, '\0') + tar_of({{"a", "1"}})).leading_zero);
  CHECK(read(tar_of({{"a", "1"}}) + "tail").trailing);
}

TEST_CASE("sizes up to the largest integer end at the input's end", "[tar]") {
  for (const std::uint64_t size : {std::uint64_t{1} << 31, std::uint64_t{1} << 32, (std::uint64_t{1} << 33) - 1}) {
    const std::string bytes = modelaudit::test::tar_header({.name = "a", .size = size}) + "data";
    const Archive archive = read(bytes);
    REQUIRE(archive.members.size() == 1);
    CHECK(archive.members[0].cut);
    CHECK(archive.members[0].data.length == 4);
  }
  const std::string pax = tar_member({.name = "pax", .data = pax_record("size", "18446744073709551615"), .type = 'x'});
  const Archive archive = read(pax + tar_of({{"a", "data"}}));
  REQUIRE(!archive.members.empty());
  CHECK(archive.members[0].cut);
}

TEST_CASE("every prefix and every flipped byte of a tar is read inside its bounds", "[tar]") {
  const std::string bytes = tar_member({.name = "pax", .data = pax_record("path", "n"), .type = 'x'}) + tar_of({{"a", "alpha"}});
  for (std::size_t n = 0; n <= bytes.size(); n += 7) {
    const std::string cut = bytes.substr(0, n);
    for (const Member& member : read(cut).members) CHECK(member.data.offset + member.data.length <= cut.size());
  }
  for (std::size_t i = 0; i < 2048; ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0xFF);
    for (const Member& member : read(flipped).members) CHECK(member.data.offset + member.data.length <= flipped.size());
  }
}
