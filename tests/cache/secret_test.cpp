#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "cache/locations.hpp"
#include "cache/support.hpp"
#include "support/hex.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const fs::path& path) {
  struct stat info{};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

/// An environment variable for as long as the object lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    if (value != nullptr) {
      setenv(name, value, 1);
    } else {
      unsetenv(name);
    }
  }
  ~Variable() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("the key is made on first use, for its owner's eyes, and stays", "[secret]") {
  const TemporaryFolder folder;
  const fs::path file = folder / "state/modelaudit/cache.key";
  const CacheSecret secret = CacheSecret::from_file(file);
  CHECK(secret.bytes != Digest{});
  CHECK(mode_of(file) == 0600);
  CHECK(mode_of(file.parent_path()) == 0700);
  CHECK(fs::file_size(file) == 32);
  CHECK(CacheSecret::from_file(file).bytes == secret.bytes);
  // No temporary file is left beside it.
  CHECK(std::distance(fs::directory_iterator(file.parent_path()), fs::directory_iterator()) == 1);
}

TEST_CASE("two secrets are never the same", "[secret]") {
  CHECK(CacheSecret::random().bytes != CacheSecret::random().bytes);
}

TEST_CASE("all that make the key at once get the same", "[secret]") {
  const TemporaryFolder folder;
  for (int round = 0; round < 20; ++round) {
    const fs::path file = folder / ("key-" + std::to_string(round));
    std::vector<Digest> keys(4);
    std::vector<std::jthread> threads;
    for (Digest& key : keys) threads.emplace_back([&] { key = CacheSecret::from_file(file).bytes; });
    threads.clear();
    for (const Digest& key : keys) CHECK(key == keys.front());
  }
}

TEST_CASE("a key that a crash cut short is replaced", "[secret]") {
  const TemporaryFolder folder;
  const Variable state("XDG_STATE_HOME", folder.path().c_str());
  const fs::path file = folder.write("modelaudit/cache.key", "short");
  REQUIRE(chmod(file.c_str(), 0600) == 0);
  const CacheSecret secret = CacheSecret::from_file();
  CHECK(fs::file_size(file) == 32);
  CHECK(CacheSecret::from_file().bytes == secret.bytes);
}

TEST_CASE("a file that was named and holds something else is refused and left alone", "[secret]") {
  const TemporaryFolder folder;
  const fs::path file = folder.write("id_rsa", "somebody's private key");
  REQUIRE(chmod(file.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(CacheSecret::from_file(file), Catch::Contains("is not 32 bytes long"));
  CHECK(fs::file_size(file) == 22);
}

TEST_CASE("a key that others can read, a link and a folder are refused", "[secret]") {
  const TemporaryFolder folder;
  const fs::path file = folder / "key";
  (void)CacheSecret::from_file(file);
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u}) {
    REQUIRE(chmod(file.c_str(), mode) == 0);
    CHECK_THROWS_AS(CacheSecret::from_file(file), Error);
  }
  REQUIRE(chmod(file.c_str(), 0600) == 0);
  fs::create_symlink(file, folder / "link");
  CHECK_THROWS_AS(CacheSecret::from_file(folder / "link"), Error);
  fs::create_directory(folder / "dir");
  CHECK_THROWS_AS(CacheSecret::from_file(folder / "dir"), Error);
}

TEST_CASE("a place where no key can be made is an error that names it", "[secret]") {
  const TemporaryFolder folder;
  const fs::path blocked = folder.write("file", "");
  CHECK_THROWS_WITH(CacheSecret::from_file(blocked / "key"), Catch::Contains((blocked / "key").string()));
}

TEST_CASE("the standard places follow the environment", "[secret]") {
  const TemporaryFolder home;
  const Variable own("MODELAUDIT_CACHE_DIR", nullptr);
  const Variable cache_home("XDG_CACHE_HOME", nullptr);
  const Variable state_home("XDG_STATE_HOME", nullptr);
  const Variable user_home("HOME", home.path().c_str());
  CHECK(*cache::default_cache_dir() == home / ".cache/modelaudit/");
  CHECK(*cache::default_key_file() == home / ".local/state/modelaudit/cache.key");
  {
    const Variable relative("XDG_CACHE_HOME", "relative");  // to be ignored, says the specification
    CHECK(*cache::default_cache_dir() == home / ".cache/modelaudit/");
  }
  const Variable xdg_cache("XDG_CACHE_HOME", (home / "c").c_str());
  const Variable xdg_state("XDG_STATE_HOME", (home / "s").c_str());
  CHECK(*cache::default_cache_dir() == home / "c/modelaudit/");
  CHECK(*cache::default_key_file() == home / "s/modelaudit/cache.key");
  const Variable named("MODELAUDIT_CACHE_DIR", "/named");
  CHECK(*cache::default_cache_dir() == "/named");
}

TEST_CASE("nothing is made in another user's home", "[secret]") {
  const TemporaryFolder home;
  // Root in a user's home, as under sudo; a user in a home of another user.
  fs::path other = home / "user";
  fs::create_directory(other);
  if (geteuid() == 0) {
    REQUIRE(chown(other.c_str(), 12345, 12345) == 0);
    const Variable cache_home("XDG_CACHE_HOME", other.c_str());
    const Variable own("MODELAUDIT_CACHE_DIR", nullptr);
    CHECK(cache::default_cache_dir().error().code == Errc::refused);
  } else {
    const Variable cache_home("XDG_CACHE_HOME", other.c_str());
    const Variable own("MODELAUDIT_CACHE_DIR", nullptr);
    CHECK(cache::default_cache_dir());
  }
}
