#include "cache/totals.hpp"

#include <fcntl.h>

#include <catch2/catch.hpp>

#include "cache/support.hpp"
#include "io/file.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using cache::Counts;
namespace fs = std::filesystem;

namespace {

struct Log {
  TemporaryFolder folder;
  io::Descriptor fd{open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  fs::path file() const { return folder / "totals"; }
};

constexpr Counts k_one{1, 2, 3, 4, 5, 6, 7, 8, -9};

}  // namespace

TEST_CASE("totals are the sum of what every run appended", "[totals]") {
  const Log log;
  CHECK(cache::read_totals(log.fd.get()) == Counts{});
  REQUIRE(cache::append_totals(log.fd.get(), k_one));
  REQUIRE(cache::append_totals(log.fd.get(), k_one));
  CHECK(cache::read_totals(log.fd.get()) == Counts{2, 4, 6, 8, 10, 12, 14, 16, -18});
}

TEST_CASE("a torn record is passed over and those after it count", "[totals]") {
  const Log log;
  for (std::uintmax_t length = 0; length < 80; ++length) {
    INFO(length);
    fs::remove(log.file());
    REQUIRE(cache::append_totals(log.fd.get(), k_one));
    fs::resize_file(log.file(), length);
    REQUIRE(cache::append_totals(log.fd.get(), k_one));
    CHECK(cache::read_totals(log.fd.get()) == k_one);
  }
}

TEST_CASE("a long log becomes one record with the same sum", "[totals]") {
  const Log log;
  for (int i = 0; i < 1100; ++i) REQUIRE(cache::append_totals(log.fd.get(), k_one));
  const Counts before = cache::read_totals(log.fd.get());
  CHECK(before.hits == 1100);
  cache::compact_totals(log.fd.get());
  CHECK(fs::file_size(log.file()) == 80);
  CHECK(cache::read_totals(log.fd.get()) == before);
  cache::compact_totals(log.fd.get());
  CHECK(cache::read_totals(log.fd.get()) == before);
}

TEST_CASE("a log that is a link is neither read nor written", "[totals]") {
  const Log log;
  const fs::path other = log.folder.write("other", "precious");
  fs::create_symlink(other, log.file());
  CHECK_FALSE(cache::append_totals(log.fd.get(), k_one));
  CHECK(cache::read_totals(log.fd.get()) == Counts{});
  CHECK(fs::file_size(other) == 8);
}
