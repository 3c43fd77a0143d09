#include "cache/file_backend.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "cache/support.hpp"
#include "support/hex.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using cache::FileBackend;
namespace fs = std::filesystem;

namespace {

struct Opened {
  Workshop shop;
  std::shared_ptr<FileBackend> backend = *FileBackend::open(shop.cache(), true);
  fs::path only_record() const { return shop.records().at(0); }
};

/// Makes a file look as if it was last used `age` ago.
void make_older(const fs::path& file, std::chrono::seconds age) {
  fs::last_write_time(file, fs::file_time_type::clock::now() - age);
}

}  // namespace

TEST_CASE("the folder keeps, replaces and erases records", "[files]") {
  const Opened o;
  CHECK_FALSE(o.backend->get(digest_of(1))->has_value());
  REQUIRE(o.backend->put(digest_of(1), bytes_of("one")));
  REQUIRE(o.backend->put(digest_of(1), bytes_of("two!")));
  REQUIRE(o.backend->put(digest_of(2), {}));
  CHECK(**o.backend->get(digest_of(1)) == bytes_of("two!"));
  CHECK((**o.backend->get(digest_of(2))).empty());
  CHECK(o.backend->stats()->entries == 2);
  CHECK(o.backend->stats()->bytes == 4);
  REQUIRE(o.backend->erase(digest_of(1)));
  REQUIRE(o.backend->erase(digest_of(1)));
  CHECK_FALSE(o.backend->get(digest_of(1))->has_value());
}

TEST_CASE("records are for their owner's eyes and leave no temporary file", "[files]") {
  const Opened o;
  REQUIRE(o.backend->put(digest_of(0xab), bytes_of("one")));
  REQUIRE(o.shop.records().size() == 1);
  std::string rest;
  for (int i = 0; i < 31; ++i) rest += "ab";
  CHECK(o.only_record() == o.shop.cache() / "entries-1/ab" / rest);
  struct stat info{};
  REQUIRE(stat(o.only_record().c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
}

TEST_CASE("what is no record file is no record", "[files]") {
  const Opened o;
  REQUIRE(o.backend->put(digest_of(1), bytes_of("one")));
  const fs::path record = o.only_record();
  fs::remove(record);
  SECTION("a link") {
    fs::create_symlink(o.shop.folder.write("elsewhere", "x"), record);
    CHECK(o.backend->get(digest_of(1)).error().code == Errc::refused);
  }
  SECTION("a pipe, without waiting for a writer") {
    REQUIRE(mkfifo(record.c_str(), 0600) == 0);
    CHECK(o.backend->get(digest_of(1)).error().code == Errc::refused);
  }
  SECTION("a folder") {
    fs::create_directory(record);
    CHECK(o.backend->get(digest_of(1)).error().code == Errc::refused);
  }
  SECTION("100 GB of nothing") {
    std::ofstream(record).put('x');
    fs::resize_file(record, std::uintmax_t{100} << 30);
    CHECK(o.backend->get(digest_of(1)).error().code == Errc::malformed);
  }
  CHECK(o.backend->put(digest_of(1), bytes_of("new")).has_value() == !fs::is_directory(record));
}

TEST_CASE("files that the cache did not write are passed over", "[files]") {
  const Opened o;
  REQUIRE(o.backend->put(digest_of(1), bytes_of("one")));
  const fs::path shard = o.only_record().parent_path();
  const std::vector<fs::path> foreign = {shard / "notes.txt", shard / std::string(62, 'x'),
                                         o.shop.cache() / "entries-1/readme", o.shop.cache() / "readme",
                                         o.shop.cache() / "entries-1/long/" / std::string(62, 'a')};
  for (const fs::path& path : foreign) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "precious";
  }
  fs::create_symlink(foreign[0], shard / std::string(62, 'b'));
  CHECK(o.backend->stats()->entries == 1);
  o.backend->remove_leftovers(0);
  REQUIRE(o.backend->for_each([&](const CacheEntryInfo& entry) { return o.backend->erase(entry.key).has_value(); }));
  CHECK(o.backend->stats()->entries == 0);
  for (const fs::path& path : foreign) CHECK(fs::file_size(path) == 8);
}

TEST_CASE("a hit renews a record that was not used for hours", "[files]") {
  const Opened o;
  REQUIRE(o.backend->put(digest_of(1), bytes_of("one")));
  make_older(o.only_record(), std::chrono::hours(5));
  const auto before = fs::last_write_time(o.only_record());
  REQUIRE(o.backend->get(digest_of(1))->has_value());
  const auto renewed = fs::last_write_time(o.only_record());
  CHECK(renewed - before > std::chrono::hours(4));
  make_older(o.only_record(), std::chrono::minutes(30));
  const auto recent = fs::last_write_time(o.only_record());
  REQUIRE(o.backend->get(digest_of(1))->has_value());
  CHECK(fs::last_write_time(o.only_record()) == recent);
}

TEST_CASE("leftovers go once they are old", "[files]") {
  const Opened o;
  REQUIRE(o.backend->put(digest_of(1), bytes_of("one")));
  const fs::path leftover = o.only_record().parent_path() / ".new-1-0123456789abcdef";
  std::ofstream(leftover) << "half a rec";
  CHECK(o.backend->stats()->entries == 1);
  o.backend->remove_leftovers(3600);
  CHECK(fs::exists(leftover));
  make_older(leftover, std::chrono::hours(2));
  o.backend->remove_leftovers(3600);
  CHECK_FALSE(fs::exists(leftover));
  CHECK(o.backend->stats()->entries == 1);
}

TEST_CASE("shrinking removes the least recently used first", "[files]") {
  const Opened o;
  const auto ten = bytes_of("0123456789");
  for (std::uint8_t i = 1; i <= 5; ++i) REQUIRE(o.backend->put(digest_of(i), ten));
  const auto records = o.shop.records();  // in the order of their keys
  for (int i = 0; i < 5; ++i) make_older(records[static_cast<std::size_t>(i)], std::chrono::minutes(i));
  CHECK(o.backend->shrink(30, 50) == 20);
  CHECK(o.backend->get(digest_of(1))->has_value());
  CHECK(o.backend->get(digest_of(3))->has_value());
  CHECK_FALSE(o.backend->get(digest_of(4))->has_value());
  CHECK_FALSE(o.backend->get(digest_of(5))->has_value());
}

TEST_CASE("a folder that is only inspected is never written", "[files]") {
  const TemporaryFolder folder;
  const auto backend = *FileBackend::open(folder / "none", false);
  CHECK_FALSE(backend->get(digest_of(1))->has_value());
  CHECK_FALSE(backend->put(digest_of(1), bytes_of("one")));
  CHECK(backend->erase(digest_of(1)));
  CHECK(backend->stats()->entries == 0);
  CHECK_FALSE(fs::exists(folder / "none"));
}
