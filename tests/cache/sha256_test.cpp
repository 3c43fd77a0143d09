#include "io/sha256.hpp"

#include <openssl/sha.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "cache/hex.hpp"
#include "io/sha256_blocks.hpp"
#include "modelaudit/bytes.hpp"

using namespace modelaudit;

TEST_CASE("SHA-256 gives the digests of FIPS 180-4", "[sha256]") {
  CHECK(cache::to_hex(io::sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(cache::to_hex(io::sha256(as_view("abc").span())) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  io::Sha256 in_parts;
  for (int i = 0; i < 1000; ++i) in_parts.update(std::string(1000, 'a'));
  CHECK(cache::to_hex(in_parts.finish()) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 agrees with OpenSSL at every length and however the bytes are cut", "[sha256]") {
  std::mt19937 random(1);
  std::string data;
  for (std::size_t length = 0; length < 400; ++length) {
    Digest expected;
    SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), expected.data());
    CHECK(io::sha256(as_view(data).span()) == expected);
    io::Sha256 in_parts;
    for (std::string_view rest = data; !rest.empty();) {
      const std::string_view part = rest.substr(0, 1 + random() % 90);
      in_parts.update(part);
      rest.remove_prefix(part.size());
    }
    CHECK(in_parts.finish() == expected);
    data += static_cast<char>(random());
  }
}

TEST_CASE("the accelerated and the portable SHA-256 are the same function", "[sha256]") {
  const io::Sha256Blocks accelerated = io::sha256_blocks_accelerated();
  if (accelerated == nullptr) {
    WARN("this processor has no SHA instructions: only the portable code was tested");
    return;
  }
  std::mt19937 random(2);
  for (std::size_t blocks = 0; blocks < 20; ++blocks) {
    std::vector<std::byte> data(64 * blocks);
    for (std::byte& b : data) b = static_cast<std::byte>(random());
    io::Sha256State one;
    for (std::uint32_t& word : one) word = static_cast<std::uint32_t>(random());
    io::Sha256State other = one;
    accelerated(one, data);
    io::sha256_blocks_portable(other, data);
    CHECK(one == other);
  }
}

TEST_CASE("HMAC-SHA-256 gives what RFC 4231 says for keys of one digest's length or less", "[sha256]") {
  // Case 1: 20 bytes 0x0b. A shorter key is one that is filled up with zeros.
  Digest key{};
  std::fill_n(key.begin(), 20, std::uint8_t{0x0b});
  CHECK(cache::to_hex(io::hmac_sha256(key, as_view("Hi There").span())) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  // Case 4: 25 bytes 01, 02 ... over fifty 0xcd.
  key = {};
  for (std::uint8_t i = 0; i < 25; ++i) key[i] = static_cast<std::uint8_t>(i + 1);
  const std::string data(50, '\xcd');
  CHECK(cache::to_hex(io::hmac_sha256(key, as_view(data).span())) ==
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

TEST_CASE("fields that run together in another way give another digest", "[sha256]") {
  const Digest one = io::FieldHasher("d").text("ab").text("c").finish();
  CHECK(one != io::FieldHasher("d").text("a").text("bc").finish());
  CHECK(one != io::FieldHasher("e").text("ab").text("c").finish());
  CHECK(one == io::FieldHasher("d").text("ab").text("c").finish());
}

TEST_CASE("digests survive hexadecimal, and nothing else is one", "[sha256]") {
  const Digest digest = io::sha256({});
  CHECK(cache::digest_from_hex(cache::to_hex(digest)) == digest);
  CHECK_FALSE(cache::digest_from_hex(""));
  CHECK_FALSE(cache::digest_from_hex(std::string(63, 'a')));
  CHECK_FALSE(cache::digest_from_hex(std::string(64, 'A')));
  CHECK_FALSE(cache::digest_from_hex(std::string(64, '/')));
}
