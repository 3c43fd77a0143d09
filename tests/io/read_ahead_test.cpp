#include "io/read_ahead.hpp"

#include <catch2/catch.hpp>

using modelaudit::ByteRange;
using modelaudit::io::ReadAhead;

namespace {
constexpr std::uint64_t k_mib = std::uint64_t{1} << 20;
}

TEST_CASE("Small files are left to the kernel", "[io]") {
  ReadAhead ahead(k_mib);
  CHECK_FALSE(ahead.active());
  CHECK_FALSE(ahead.expect(0, k_mib).has_value());
}

TEST_CASE("A page here and there fetches nothing more", "[io]") {
  ReadAhead ahead(1000 * k_mib);
  REQUIRE(ahead.active());
  for (std::uint64_t i = 0; i < 100; ++i) CHECK_FALSE(ahead.expect(i * 10 * k_mib, 4096).has_value());
}

TEST_CASE("A large range is fetched as it is, and once", "[io]") {
  ReadAhead ahead(1000 * k_mib);
  CHECK(ahead.expect(5 * k_mib, k_mib) == ByteRange{5 * k_mib, k_mib});
  CHECK_FALSE(ahead.expect(5 * k_mib + 100, 500'000).has_value());
  // Elsewhere: begins anew.
  CHECK(ahead.expect(900 * k_mib, k_mib) == ByteRange{900 * k_mib, k_mib});
  CHECK(ahead.expect(5 * k_mib, k_mib) == ByteRange{5 * k_mib, k_mib});
}

TEST_CASE("Reading in order is fetched ahead in few steps, and not beyond the end", "[io]") {
  constexpr std::uint64_t size = 100 * k_mib + 17;
  constexpr std::uint64_t window = 256 << 10;
  ReadAhead ahead(size);
  std::uint64_t fetched_to = 0;
  unsigned calls = 0;
  for (std::uint64_t at = 0; at < size; at += window) {
    const std::uint64_t length = std::min(window, size - at);
    if (const auto fetch = ahead.expect(at, length)) {
      CHECK(fetch->offset == fetched_to);
      fetched_to = fetch->offset + fetch->length;
      ++calls;
    }
    if (length == window) CHECK(fetched_to >= at + length);
  }
  CHECK(fetched_to == size);
  CHECK(calls < 16);
}
