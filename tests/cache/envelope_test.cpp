#include "cache/envelope.hpp"

#include <catch2/catch.hpp>

#include "cache/support.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

const Digest k_secret = digest_of(1);
const Digest k_key = digest_of(2);
constexpr const char* k_producer = "0.1.0+abc";

std::vector<std::byte> record() { return cache::seal(k_secret, k_key, k_producer, as_view("payload")); }

Result<ByteView> open(const std::vector<std::byte>& bytes) {
  return cache::unseal(k_secret, k_key, k_producer, ByteView(std::span(bytes)));
}

}  // namespace

TEST_CASE("a sealed record opens", "[envelope]") {
  const auto bytes = record();
  const auto payload = open(bytes);
  REQUIRE(payload);
  CHECK(payload->text() == "payload");
}

TEST_CASE("an empty payload is one", "[envelope]") {
  const auto bytes = cache::seal(k_secret, k_key, "", ByteView());
  const auto payload = cache::unseal(k_secret, k_key, "", ByteView(std::span(bytes)));
  REQUIRE(payload);
  CHECK(payload->empty());
}

TEST_CASE("a record with any bit changed is refused", "[envelope]") {
  const auto bytes = record();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[at] ^= static_cast<std::byte>(1 << bit);
      INFO(at << " bit " << bit);
      CHECK_FALSE(open(changed));
    }
  }
}

TEST_CASE("a record cut or lengthened anywhere is refused", "[envelope]") {
  const auto bytes = record();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CHECK_FALSE(open({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}));
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  CHECK_FALSE(open(longer));
}

TEST_CASE("a record is bound to its secret, its key and its producer", "[envelope]") {
  const auto bytes = record();
  const ByteView view{std::span(bytes)};
  CHECK(cache::unseal(digest_of(9), k_key, k_producer, view).error().code == Errc::refused);
  CHECK(cache::unseal(k_secret, digest_of(9), k_producer, view).error().code == Errc::refused);
  CHECK(cache::unseal(k_secret, k_key, "0.1.0+abd", view).error().code == Errc::unsupported);
}

TEST_CASE("a record beyond the limit is not looked at", "[envelope]") {
  const std::vector<std::byte> payload(cache::k_max_record_size);
  const auto bytes = cache::seal(k_secret, k_key, k_producer, ByteView(std::span(payload)));
  CHECK(open(bytes).error().code == Errc::malformed);
}
