#include "io/file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "io/mapping_guard.hpp"
#include "support/folder.hpp"

using namespace modelaudit;
using modelaudit::test::TemporaryFolder;

TEST_CASE("open_regular() refuses what is not a regular file and never blocks", "[io]") {
  const TemporaryFolder folder;
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(io::open_regular(folder / "pipe").error().code == Errc::unsupported);
  CHECK(io::open_regular(folder.path()).error().code == Errc::unsupported);
  CHECK(io::open_regular("/dev/zero").error().code == Errc::unsupported);
  CHECK(io::open_regular(folder / "missing").error().code == Errc::not_found);
  const auto path = folder.write("a", "x");
  std::filesystem::create_symlink(path, folder / "link");
  CHECK(io::open_regular(folder / "link"));
}

TEST_CASE("both strategies read the same bytes", "[io]") {
  const TemporaryFolder folder;
  std::string text(100'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
  const auto fd = io::open_regular(folder.write("a.bin", text));
  REQUIRE(fd);
  for (const ReadStrategy strategy : {ReadStrategy::mapped, ReadStrategy::positioned}) {
    const auto reader = io::open_reader(fd->get(), text.size(), strategy);
    REQUIRE(reader);
    CHECK((*reader)->is_mapped() == (strategy == ReadStrategy::mapped));
    const ByteView early = (*reader)->bytes(0, 10);
    CHECK((*reader)->bytes(0, text.size()).text() == text);
    CHECK((*reader)->bytes(99'999, 1).text() == text.substr(99'999));
    // A longer read at the same place must not take an earlier view's bytes away.
    CHECK(early.text() == text.substr(0, 10));
    std::string copy(500, '\0');
    (*reader)->read_into(1'000, std::as_writable_bytes(std::span(copy)));
    CHECK(copy == text.substr(1'000, 500));
  }
}

TEST_CASE("an empty file can be opened and has no bytes", "[io]") {
  const TemporaryFolder folder;
  const auto fd = io::open_regular(folder.write("empty", ""));
  REQUIRE(fd);
  const auto reader = io::open_reader(fd->get(), 0, ReadStrategy::automatic);
  REQUIRE(reader);
  CHECK((*reader)->size() == 0);
  CHECK((*reader)->bytes(0, 0).empty());
}

TEST_CASE("a mapped file that is truncated reads as zeros and is marked", "[io]") {
  const TemporaryFolder folder;
  const std::string text(1 << 20, 'x');
  const auto path = folder.write("a.bin", text);
  const auto fd = io::open_regular(path);
  REQUIRE(fd);
  const auto reader = io::open_reader(fd->get(), text.size(), ReadStrategy::mapped);
  REQUIRE(reader);
  REQUIRE((*reader)->is_mapped());
  const ByteView view = (*reader)->bytes(0, text.size());
  CHECK(view[0] == 'x');
  CHECK_FALSE((*reader)->shrank());
  REQUIRE(truncate(path.c_str(), 4096) == 0);
  CHECK(view[text.size() - 1] == 0);
  CHECK((*reader)->shrank());
  CHECK(view[0] == 'x');
}

TEST_CASE("a positioned file that is truncated throws and is marked", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.write("a.bin", std::string(100'000, 'x'));
  const auto fd = io::open_regular(path);
  REQUIRE(fd);
  const auto reader = io::open_reader(fd->get(), 100'000, ReadStrategy::positioned);
  REQUIRE(reader);
  REQUIRE(truncate(path.c_str(), 10) == 0);
  CHECK_THROWS_AS((*reader)->bytes(50'000, 10), Malformed);
  CHECK((*reader)->shrank());
}

TEST_CASE("the guard puts the host's handler back when the last one goes", "[io]") {
  struct sigaction before{};
  struct sigaction during{};
  struct sigaction after{};
  sigaction(SIGBUS, nullptr, &before);
  {
    const std::string bytes(10, 'x');
    const io::MappingGuard first(bytes.data(), bytes.size());
    const io::MappingGuard second(bytes.data(), bytes.size());
    CHECK(first.armed());
    sigaction(SIGBUS, nullptr, &during);
  }
  sigaction(SIGBUS, nullptr, &after);
  CHECK(during.sa_sigaction != before.sa_sigaction);
  CHECK(after.sa_sigaction == before.sa_sigaction);
}

namespace {
volatile sig_atomic_t g_foreign_faults = 0;
void* g_foreign_page = nullptr;
void host_handler(int) {
  g_foreign_faults = g_foreign_faults + 1;
  mmap(g_foreign_page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
}  // namespace

TEST_CASE("a foreign fault goes to the host's handler", "[io]") {
  struct sigaction host{};
  host.sa_handler = host_handler;
  struct sigaction before{};
  sigaction(SIGBUS, &host, &before);
  const TemporaryFolder folder;
  const auto path = folder.write("foreign", std::string(8192, 'y'));
  const int fd = ::open(path.c_str(), O_RDWR);
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 4096);
  REQUIRE(page != MAP_FAILED);
  g_foreign_page = page;
  {
    const std::string ours(10, 'x');
    const io::MappingGuard guard(ours.data(), ours.size());
    REQUIRE(ftruncate(fd, 0) == 0);
    CHECK(*static_cast<volatile char*>(page) == 0);
    CHECK_FALSE(guard.faulted());
  }
  CHECK(g_foreign_faults == 1);
  munmap(page, 4096);
  ::close(fd);
  sigaction(SIGBUS, &before, nullptr);
}
