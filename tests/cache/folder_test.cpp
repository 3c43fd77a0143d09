#include "cache/folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "cache/support.hpp"
#include "support/hex.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& path) {
  std::string text;
  for (const std::byte b : read_file(path)) text += static_cast<char>(b);
  return text;
}

Errc refusal(const fs::path& path, bool create = true) {
  const auto folder = cache::open_cache_folder(path, create);
  REQUIRE_FALSE(folder);
  return folder.error().code;
}

}  // namespace

TEST_CASE("a new folder is private and tagged", "[folder]") {
  const TemporaryFolder temporary;
  const fs::path path = temporary / "a/b/cache";
  REQUIRE(cache::open_cache_folder(path, true));
  struct stat info{};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
  CHECK(text_of(path / "CACHEDIR.TAG").starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
  CHECK(text_of(path / "modelaudit-cache") == "modelaudit result cache, layout 1\n");
  CHECK(cache::open_cache_folder(path, true));
  CHECK(cache::open_cache_folder(path / "", false));
}

TEST_CASE("an empty folder is taken, also one whose tag was cut short", "[folder]") {
  const TemporaryFolder temporary;
  fs::create_directory(temporary / "cache");
  REQUIRE(cache::open_cache_folder(temporary / "cache", true));
  fs::resize_file(temporary / "cache/modelaudit-cache", 5);
  REQUIRE(cache::open_cache_folder(temporary / "cache", true));
  CHECK(text_of(temporary / "cache/modelaudit-cache") == "modelaudit result cache, layout 1\n");
}

TEST_CASE("a folder of something else is refused and left as it is", "[folder]") {
  const TemporaryFolder temporary;
  temporary.write("project/package.json", "{}");
  CHECK(refusal(temporary / "project") == Errc::refused);
  CHECK(std::distance(fs::directory_iterator(temporary / "project"), fs::directory_iterator()) == 1);
  // A tag of another program's does not make it ours.
  temporary.write("other/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  temporary.write("other/data", "x");
  CHECK(refusal(temporary / "other") == Errc::refused);
}

TEST_CASE("a link to a folder is refused, with and without a slash behind it", "[folder]") {
  const TemporaryFolder temporary;
  REQUIRE(cache::open_cache_folder(temporary / "cache", true));
  fs::create_directory_symlink(temporary / "cache", temporary / "link");
  CHECK(refusal(temporary / "link") == Errc::refused);
  CHECK(refusal(temporary / "link/") == Errc::refused);
}

TEST_CASE("a folder that others can write to is refused", "[folder]") {
  const TemporaryFolder temporary;
  REQUIRE(cache::open_cache_folder(temporary / "cache", true));
  for (const mode_t mode : {0720u, 0702u, 0777u}) {
    REQUIRE(chmod((temporary / "cache").c_str(), mode) == 0);
    CHECK(refusal(temporary / "cache") == Errc::refused);
  }
  REQUIRE(chmod((temporary / "cache").c_str(), 0755) == 0);
  CHECK(cache::open_cache_folder(temporary / "cache", true));
}

TEST_CASE("a folder of another user is refused", "[folder]") {
  const TemporaryFolder temporary;
  fs::path other = "/usr";
  if (geteuid() == 0) {
    other = temporary / "cache";
    REQUIRE(cache::open_cache_folder(other, true));
    REQUIRE(chown(other.c_str(), 12345, 12345) == 0);
  }
  CHECK(refusal(other) == Errc::refused);
}

TEST_CASE("a file, a folder below a file and no path at all are no folders", "[folder]") {
  const TemporaryFolder temporary;
  const fs::path file = temporary.write("file", "");
  CHECK(refusal(file) == Errc::refused);
  CHECK(refusal(file / "cache") == Errc::io_error);
  CHECK(refusal("", false) == Errc::absent);
}

TEST_CASE("inspection creates nothing", "[folder]") {
  const TemporaryFolder temporary;
  CHECK(refusal(temporary / "none", false) == Errc::absent);
  CHECK_FALSE(fs::exists(temporary / "none"));
  fs::create_directory(temporary / "empty");
  CHECK(refusal(temporary / "empty", false) == Errc::absent);
  CHECK(fs::is_empty(temporary / "empty"));
  temporary.write("project/package.json", "{}");
  CHECK(refusal(temporary / "project", false) == Errc::refused);
}
