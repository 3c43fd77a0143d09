#include "cache/identity.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "cache/posix.hpp"
#include "cache/support.hpp"
#include "io/file.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t k_second = 1'000'000'000;

FileIdentity changed_at(std::int64_t ctime_ns) {
  FileIdentity identity;
  identity.ctime_ns = ctime_ns;
  return identity;
}

}  // namespace

TEST_CASE("a file that changed within the clock's tick is racy, an older one is not", "[identity]") {
  const std::int64_t stamp = 1'700'000'000 * k_second + 123'456'789;
  CHECK(cache::is_racy(changed_at(stamp), stamp));
  CHECK(cache::is_racy(changed_at(stamp), stamp - k_second));  // from the future: the clock was set back
  CHECK(cache::is_racy(changed_at(stamp), stamp + 1));
  CHECK_FALSE(cache::is_racy(changed_at(stamp), stamp + 20'000'001));
}

TEST_CASE("stamps that are whole units are taken to be as coarse as they look", "[identity]") {
  const std::int64_t stamp = 1'700'000'000 * k_second;
  CHECK(cache::is_racy(changed_at(stamp), stamp + 3 * k_second));
  CHECK(cache::is_racy(changed_at(stamp), stamp + 4 * k_second));
  CHECK_FALSE(cache::is_racy(changed_at(stamp), stamp + 4 * k_second + 1));
  const std::int64_t milliseconds = stamp + 5'000'000;
  CHECK(cache::is_racy(changed_at(milliseconds), milliseconds + 40'000'000));
  CHECK_FALSE(cache::is_racy(changed_at(milliseconds), milliseconds + 40'000'001));
}

TEST_CASE("the identity by name is that of the descriptor, through links too", "[identity]") {
  const TemporaryFolder folder;
  const fs::path file = folder.write("a", "abc");
  fs::create_symlink(file, folder / "link");
  const auto fd = io::open_regular(file);
  REQUIRE(fd);
  const auto by_name = cache::identity_at(folder / "link");
  REQUIRE(by_name);
  CHECK(cache::same_file_state(*by_name, *io::identity_of(fd->get())));
  CHECK(by_name->path == (folder / "link").string());
  CHECK(by_name->size == 3);
  CHECK(cache::identity_at(folder / "none").error().code == Errc::not_found);
  CHECK(cache::identity_at(folder.path()).error().code == Errc::unsupported);
}

TEST_CASE("paths are made absolute without resolving what a link may change", "[identity]") {
  CHECK(cache::absolute_path("/a/./b") == "/a/b");
  CHECK(cache::absolute_path("/a/../b") == "/a/../b");
  CHECK(cache::absolute_path("./b") == fs::current_path() / "b");
  CHECK(cache::absolute_path("b") == fs::current_path() / "b");
}

TEST_CASE("the times of a file that somebody has open for writing are not trusted", "[identity]") {
  const TemporaryFolder folder;
  const fs::path file = folder.write("a", "abc");
  const auto reader = io::open_regular(file);
  REQUIRE(reader);
  CHECK(cache::times_show_changes(reader->get()));
  {
    const io::Descriptor writer(open(file.c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(writer);
    CHECK_FALSE(cache::times_show_changes(reader->get()));
  }
  const io::Descriptor other_reader(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(other_reader);
  CHECK(cache::times_show_changes(reader->get()));
}

TEST_CASE("a writer that only holds a mapping is seen too", "[identity]") {
  const TemporaryFolder folder;
  const fs::path file = folder.write("a", "abc");
  const auto reader = io::open_regular(file);
  REQUIRE(reader);
  void* mapping = MAP_FAILED;
  {
    const io::Descriptor writer(open(file.c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(writer);
    mapping = mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  }
  REQUIRE(mapping != MAP_FAILED);
  CHECK_FALSE(cache::times_show_changes(reader->get()));
  munmap(mapping, 3);
  CHECK(cache::times_show_changes(reader->get()));
}

TEST_CASE("a file system that is not known to keep change times is not trusted", "[identity]") {
  // procfs stands for them all: it makes up its times.
  const auto file = io::open_regular("/proc/version");
  REQUIRE(file);
  CHECK_FALSE(cache::times_show_changes(file->get()));
}

TEST_CASE("companions must look as they did, and missing ones must still be missing", "[identity]") {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  Trace trace;
  trace.companions = {{"config.json", true, *cache::identity_at(folder / "config.json"), {}, {}},
                      {"missing", false, {}, {}, {}}};
  CHECK(cache::surroundings_unchanged(trace, folder.path()));
  SECTION("one changes") {
    folder.write("config.json", "{ }");
    CHECK_FALSE(cache::surroundings_unchanged(trace, folder.path()));
  }
  SECTION("one goes") {
    fs::remove(folder / "config.json");
    CHECK_FALSE(cache::surroundings_unchanged(trace, folder.path()));
  }
  SECTION("one appears") {
    folder.write("missing", "");
    CHECK_FALSE(cache::surroundings_unchanged(trace, folder.path()));
  }
  SECTION("a folder of that name is as good as nothing to a scanner") {
    fs::create_directory(folder / "missing");
    CHECK(cache::surroundings_unchanged(trace, folder.path()));
  }
  SECTION("the folder itself goes") { CHECK_FALSE(cache::surroundings_unchanged(trace, folder / "none")); }
}

TEST_CASE("listings are compared by the names that match", "[identity]") {
  const TemporaryFolder folder;
  folder.write("m-1.bin", "");
  folder.write("m-2.bin", "");
  Trace trace;
  trace.listings = {{"", "m-*.bin", {"m-1.bin", "m-2.bin"}}, {"none", "*", {}}};
  CHECK(cache::surroundings_unchanged(trace, folder.path()));
  folder.write("readme.md", "");
  CHECK(cache::surroundings_unchanged(trace, folder.path()));
  folder.write("m-3.bin", "");
  CHECK_FALSE(cache::surroundings_unchanged(trace, folder.path()));
}
