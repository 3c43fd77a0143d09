#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "io/sha256.hpp"
#include "modelaudit/downloads.hpp"
#include "support/folder.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

namespace fs = std::filesystem;

ContentId content_of(std::string_view text) { return {io::sha256(std::as_bytes(std::span(text.data(), text.size()))), text.size()}; }

struct Store {
  TemporaryFolder folder;
  std::shared_ptr<DownloadStore> store = DownloadStore::open(folder / "cache");

  void put(std::string_view text, std::int64_t age_s = 0) {
    const auto path = folder.write("incoming", text);
    REQUIRE(store->keep(content_of(text), path));
    if (age_s == 0) return;
    const timespec times[2] = {{time(nullptr) - age_s, 0}, {time(nullptr) - age_s, 0}};
    for (const auto& entry : fs::recursive_directory_iterator(store->directory())) {
      if (entry.is_regular_file() && entry.file_size() == text.size()) REQUIRE(utimensat(AT_FDCWD, entry.path().c_str(), times, 0) == 0);
    }
  }
  bool take(std::string_view text, const std::string& name = "out") { return store->take(content_of(text), folder / name); }
  fs::path only_file() const {
    for (const auto& entry : fs::recursive_directory_iterator(store->directory())) {
      if (entry.is_regular_file()) return entry.path();
    }
    return {};
  }
};

}  // namespace

TEST_CASE("a kept file is found by its content, once", "[downloads]") {
  Store s;
  CHECK_FALSE(s.take("one"));
  s.put("one");
  CHECK(s.store->stats().entries == 1);
  CHECK(s.store->stats().bytes == 3);
  CHECK_FALSE(s.take("two"));
  CHECK(s.take("one"));
  CHECK(fs::file_size(s.folder / "out") == 3);
  CHECK_FALSE(s.take("one", "again"));  // in use
  struct stat info{};
  REQUIRE(stat(s.store->directory().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a kept file whose bytes changed is thrown away", "[downloads]") {
  Store s;
  s.put("one");
  std::ofstream(s.only_file()) << "eno";
  CHECK_FALSE(s.take("one"));
  CHECK_FALSE(fs::exists(s.folder / "out"));
  CHECK(s.store->stats().entries == 0);

  s.put("one");
  std::ofstream(s.only_file(), std::ios::app) << "!";
  CHECK_FALSE(s.take("one"));

  s.put("one");
  fs::create_hard_link(s.only_file(), s.folder / "mine");  // somebody holds another way to the bytes
  CHECK_FALSE(s.take("one"));
  CHECK(fs::exists(s.folder / "mine"));
}

TEST_CASE("links and folders in a kept file's place are not followed", "[downloads]") {
  Store s;
  s.put("one");
  const fs::path place = s.only_file();
  fs::remove(place);
  fs::create_symlink(s.folder.write("elsewhere", "one"), place);
  CHECK_FALSE(s.take("one"));
  CHECK(fs::exists(s.folder / "elsewhere"));
  fs::remove(place);
  fs::create_directory(place);
  CHECK_FALSE(s.take("one"));
  CHECK(s.store->stats().entries == 0);
}

TEST_CASE("taking overwrites nothing", "[downloads]") {
  Store s;
  s.put("one");
  s.folder.write("out", "mine");
  CHECK_FALSE(s.take("one"));
  CHECK(fs::file_size(s.folder / "out") == 4);
  CHECK(s.take("one", "free"));
}

TEST_CASE("age and size decide what goes", "[downloads]") {
  Store s;
  s.put("1", 10 * 86400);
  s.put("22", 5 * 86400);
  s.put("333");
  CHECK(s.store->cleanup(std::chrono::hours(24 * 7), true).entries == 1);
  CHECK(s.store->stats().entries == 3);
  CHECK(s.store->cleanup(std::chrono::hours(24 * 7)).bytes == 1);
  CHECK(s.store->shrink(5).entries == 0);
  CHECK(s.store->shrink(4).bytes == 2);
  CHECK(s.take("333"));
  s.put("333");
  CHECK(s.store->cleanup(std::chrono::seconds::min()).entries == 1);
}

TEST_CASE("nothing but the store's own files is counted or removed", "[downloads]") {
  Store s;
  s.put("one");
  const fs::path directory = s.store->directory();
  const auto mine = s.folder.write("cache/downloads-1/ab/mine.txt", "mine");
  const auto other = s.folder.write("cache/downloads-1/thing/0000", "mine");
  CHECK(s.store->stats().entries == 1);
  CHECK(s.store->cleanup(std::chrono::seconds::min()).entries == 1);
  CHECK(fs::exists(mine));
  CHECK(fs::exists(other));
}

TEST_CASE("a folder that is not ours is refused, inspection makes none", "[downloads]") {
  TemporaryFolder folder;
  CHECK(DownloadStore::open(folder / "none", CacheAccess::inspect)->stats().entries == 0);
  CHECK_FALSE(fs::exists(folder / "none"));
  folder.write("foreign/file", "x");
  CHECK_THROWS_AS(DownloadStore::open(folder / "foreign"), Error);
  const auto store = DownloadStore::open(folder / "cache");
  fs::remove(store->directory());
  fs::create_directory(folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", store->directory());
  CHECK_THROWS_AS(DownloadStore::open(folder / "cache"), Error);
  fs::remove(store->directory());
  fs::create_directory(store->directory());
  REQUIRE(chmod(store->directory().c_str(), 0777) == 0);
  CHECK_THROWS_AS(DownloadStore::open(folder / "cache"), Error);
}

TEST_CASE("a work folder goes with its object, and abandoned ones with whoever comes next", "[downloads]") {
  TemporaryFolder folder;
  fs::path path;
  {
    const WorkFolder work(folder.path());
    path = work.path();
    folder.write(path.filename().string() + "/a/b", "x");
    fs::create_directory(folder / ".work-1-abandoned");
    folder.write(".work-1-abandoned/x", "x");
    folder.write("other/x", "x");
    WorkFolder::remove_abandoned(folder.path());
    CHECK(fs::exists(path / "a/b"));
    CHECK_FALSE(fs::exists(folder / ".work-1-abandoned"));
    CHECK(fs::exists(folder / "other/x"));
  }
  CHECK_FALSE(fs::exists(path));
  CHECK_THROWS_AS(WorkFolder(folder / "none"), Error);
}
