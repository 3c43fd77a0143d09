#include "io/beside.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "support/folder.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

/// What a name leads to: nothing when a file was opened, else why not.
std::optional<Errc> refusal(const fs::path& folder, const std::string& name) {
  const auto opened = io::open_folder(folder);
  REQUIRE(opened);
  const auto fd = io::open_beside(*opened, name);
  const auto identity = io::identity_beside(*opened, name);
  CHECK(fd.has_value() == identity.has_value());
  if (fd) {
    CHECK(identity->inode == io::identity_of(fd->get())->inode);
    return std::nullopt;
  }
  return fd.error().code;
}

}  // namespace

TEST_CASE("plain_relative() keeps names inside the folder and refuses all others", "[beside]") {
  CHECK(io::plain_relative("a") == "a");
  CHECK(io::plain_relative("./a//b/./c") == "a/b/c");
  CHECK(io::plain_relative("..a") == "..a");
  CHECK(io::plain_relative("a..") == "a..");
  for (const std::string_view bad : {"", ".", "./", "a/", "/a", "//a", "..", "../a", "a/..", "a/../b", "a\\b", "..\\a", "C:\\a"}) {
    INFO(bad);
    CHECK_FALSE(io::plain_relative(bad));
  }
  CHECK_FALSE(io::plain_relative(std::string_view("a\0b", 3)));
  CHECK_FALSE(io::plain_relative(std::string(5000, 'a')));
}

TEST_CASE("open_beside() opens regular files, below the folder too", "[beside]") {
  const TemporaryFolder folder;
  folder.write("a.bin", "x");
  folder.write("sub/b.bin", "x");
  CHECK_FALSE(refusal(folder.path(), "a.bin"));
  CHECK_FALSE(refusal(folder.path(), "sub/b.bin"));
  CHECK(refusal(folder.path(), "none") == Errc::not_found);
  CHECK(refusal(folder.path(), "sub/none") == Errc::not_found);
  CHECK(refusal(folder.path(), std::string(300, 'a')) == Errc::not_found);
  CHECK(refusal(folder.path(), "sub") == Errc::refused);
  CHECK(refusal(folder.path(), "a.bin/b") == Errc::refused);
}

TEST_CASE("open_beside() neither blocks on a pipe nor opens a socket or device", "[beside]") {
  const TemporaryFolder folder;
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  fs::create_symlink("/dev/zero", folder / "zero");
  CHECK(refusal(folder.path(), "pipe") == Errc::refused);
  CHECK(refusal(folder.path(), "zero") == Errc::refused);
}

TEST_CASE("open_beside() follows links that stay below the folder, and no others", "[beside]") {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  elsewhere.write("secret", "x");
  folder.write("model/a.bin", "x");
  folder.write("model/sub/b.bin", "x");
  folder.write("above.bin", "x");
  const fs::path model = folder / "model";
  fs::create_symlink("a.bin", model / "same");
  fs::create_symlink("sub/b.bin", model / "below");
  fs::create_symlink("same", model / "twice");
  fs::create_symlink("../above.bin", model / "up");
  fs::create_symlink(elsewhere / "secret", model / "absolute");
  fs::create_symlink("loop", model / "loop");
  fs::create_symlink("nothing", model / "broken");
  fs::create_directory_symlink(elsewhere.path(), model / "folder");
  CHECK_FALSE(refusal(model, "same"));
  CHECK_FALSE(refusal(model, "below"));
  CHECK_FALSE(refusal(model, "twice"));
  CHECK(refusal(model, "up") == Errc::refused);
  CHECK(refusal(model, "absolute") == Errc::refused);
  CHECK(refusal(model, "loop") == Errc::refused);
  CHECK(refusal(model, "broken") == Errc::not_found);
  CHECK(refusal(model, "folder/secret") == Errc::refused);
}

TEST_CASE("links of the hub's cache lead to blobs of the same repository only", "[beside]") {
  const TemporaryFolder folder;
  folder.write("models--o--n/blobs/abc", "x");
  folder.write("models--o--n/refs/main", "x");
  folder.write("models--o--other/blobs/abc", "x");
  const fs::path revision = folder / "models--o--n/snapshots/r1";
  fs::create_directories(revision / "sub");
  fs::create_symlink("../../blobs/abc", revision / "m");
  fs::create_symlink("../../../blobs/abc", revision / "sub/m");
  fs::create_symlink(folder / "models--o--n/blobs/abc", revision / "absolute");
  fs::create_symlink("../../blobs/none", revision / "broken");
  fs::create_symlink("../../refs/main", revision / "ref");
  fs::create_symlink("../../../models--o--other/blobs/abc", revision / "other");
  fs::create_symlink("/etc/blobs/hostname", revision / "etc");
  CHECK_FALSE(refusal(revision, "m"));
  CHECK_FALSE(refusal(revision, "sub/m"));
  CHECK_FALSE(refusal(revision / "sub", "m"));
  CHECK_FALSE(refusal(revision, "absolute"));
  CHECK(refusal(revision, "broken") == Errc::not_found);
  CHECK(refusal(revision, "ref") == Errc::refused);
  CHECK(refusal(revision, "other") == Errc::refused);
  CHECK(refusal(revision, "etc") == Errc::refused);
}

TEST_CASE("a folder that only looks like the hub's cache gets no exception", "[beside]") {
  const TemporaryFolder folder;
  folder.write("repo/blobs/abc", "x");
  fs::create_directories(folder / "repo/snapshots/r1");
  fs::create_directories(folder / "models--o--n/other/r1");
  folder.write("models--o--n/blobs/abc", "x");
  fs::create_symlink("../../blobs/abc", folder / "repo/snapshots/r1/m");
  fs::create_symlink("../../blobs/abc", folder / "models--o--n/other/r1/m");
  CHECK(refusal(folder / "repo/snapshots/r1", "m") == Errc::refused);
  CHECK(refusal(folder / "models--o--n/other/r1", "m") == Errc::refused);
}

TEST_CASE("names_beside() lists what matches, sorted, up to a bound", "[beside]") {
  const TemporaryFolder folder;
  for (const char* name : {"m-2.bin", "m-1.bin", "n.txt", "sub/m-3.bin"}) folder.write(name, "");
  const auto opened = io::open_folder(folder.path());
  REQUIRE(opened);
  using Names = std::vector<std::string>;
  CHECK(*io::names_beside(*opened, "", "m-*.bin", 2) == Names{"m-1.bin", "m-2.bin"});
  CHECK(*io::names_beside(*opened, "", "*", 10) == Names{"m-1.bin", "m-2.bin", "n.txt", "sub"});
  CHECK(*io::names_beside(*opened, "sub", "*", 10) == Names{"m-3.bin"});
  CHECK(io::names_beside(*opened, "none", "*", 10)->empty());
  CHECK(io::names_beside(*opened, "n.txt", "*", 10)->empty());
  CHECK(io::names_beside(*opened, "", "m-*.bin", 1).error().code == Errc::limit);
  CHECK_FALSE(io::open_folder(folder / "none"));
}

TEST_CASE("patterns know any run and any byte", "[beside]") {
  CHECK(io::matches_pattern("", ""));
  CHECK(io::matches_pattern("*", ""));
  CHECK(io::matches_pattern("a*b?c", "axxbxbzc"));
  CHECK(io::matches_pattern("*.bin", ".bin"));
  CHECK(io::matches_pattern("**a**", "cab"));
  CHECK_FALSE(io::matches_pattern("", "a"));
  CHECK_FALSE(io::matches_pattern("a?", "a"));
  CHECK_FALSE(io::matches_pattern("*.bin", "a.bin.txt"));
  CHECK_FALSE(io::matches_pattern("a*b", "acbd"));
}
