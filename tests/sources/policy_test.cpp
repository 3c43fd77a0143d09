// What decides where a request may go and what a name may be.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <catch2/catch.hpp>

#include "sources/address.hpp"
#include "sources/groups.hpp"
#include "sources/names.hpp"

using namespace modelaudit::sources;

namespace {

AddressKind kind(const char* text) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) return kind_of(reinterpret_cast<const sockaddr&>(v4), sizeof v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  REQUIRE(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
  CHECK(kind_of(reinterpret_cast<const sockaddr&>(v6), sizeof v4) == AddressKind::special);  // cut short
  return kind_of(reinterpret_cast<const sockaddr&>(v6), sizeof v6);
}

using Groups = std::vector<std::vector<std::size_t>>;

}  // namespace

TEST_CASE("addresses are told apart, IPv4 inside IPv6 too", "[policy]") {
  for (const char* text : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.0", "2606:4700::1111",
                           "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"}) {
    CAPTURE(text);
    CHECK(kind(text) == AddressKind::global);
  }
  for (const char* text : {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.0", "100.127.255.255",
                           "fc00::1", "fdff::1", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "::10.0.0.1"}) {
    CAPTURE(text);
    CHECK(kind(text) == AddressKind::private_network);
  }
  for (const char* text : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.1"}) {
    CAPTURE(text);
    CHECK(kind(text) == AddressKind::loopback);
  }
  for (const char* text : {"169.254.0.1", "fe80::1", "febf::1", "::ffff:169.254.1.1"}) {
    CAPTURE(text);
    CHECK(kind(text) == AddressKind::link_local);
  }
  for (const char* text : {"169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "::ffff:169.254.169.254",
                           "64:ff9b::a9fe:a9fe"}) {
    CAPTURE(text);
    CHECK(kind(text) == AddressKind::metadata);
  }
  for (const char* text : {"0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9",
                           "ff02::1", "2001:db8::1", "2001::1", "4000::1", "::2", "::ffff:0.0.0.0"}) {
    CAPTURE(text);
    CHECK(kind(text) == AddressKind::special);
  }
  sockaddr other{};
  other.sa_family = AF_UNIX;
  CHECK(kind_of(other, sizeof other) == AddressKind::special);
}

TEST_CASE("names that mean something else somewhere are refused", "[policy]") {
  for (const char* name : {"", ".", "..", "a/b", "a\\b", "c:", "x\n", "x\x7f", "x.", "x ", "nul", "NUL.txt", "com1", "Lpt9.bin", "con .x", "aux.a.b"}) {
    CAPTURE(name);
    CHECK(why_unusable(name));
  }
  for (const char* name : {"a", "...a", "..a", "a..b", "com10", "nulx", "model-00001-of-00002.safetensors", "\xc3\xa9.pkl", "%2e%2e", ".gitattributes"}) {
    CAPTURE(name);
    CHECK_FALSE(why_unusable(name));
  }
  CHECK_FALSE(why_unusable(std::string(240, 'x')));
  CHECK(why_unusable(std::string(241, 'x')));
  CHECK_FALSE(why_unusable_path("a/b/c"));
  for (const char* path : {"/a", "a/", "a//b", "a/../b", "../a", "./a"}) {
    CAPTURE(path);
    CHECK(why_unusable_path(path));
  }
  std::string longest = "x";
  while (longest.size() < 4095) longest += "/x";
  CHECK_FALSE(why_unusable_path(longest));
  CHECK(why_unusable_path(longest + "/x"));
}

TEST_CASE("names are looked at as they are after decoding, too", "[policy]") {
  for (const char* name : {"%2e%2e", "%252e%252e", "%25252e%25252e", "a%2fb", "a%255cb", "%00", "%2525252541"}) {
    CAPTURE(name);
    CHECK(why_unusable_encoded(name));
  }
  for (const char* name : {"100%", "50%zz", "a%20b", "a%2520b", "caf%C3%A9"}) {
    CAPTURE(name);
    CHECK_FALSE(why_unusable_encoded(name));
  }
}

TEST_CASE("files that a scan may look at together are on the disk together", "[policy]") {
  CHECK(model_groups({}).empty());
  CHECK(model_groups({"model-00001-of-00002.safetensors", "other.pkl", "model-00002-of-00002.safetensors", "model.safetensors.index.json"}) ==
        Groups{{0, 2, 3}, {1}});
  CHECK(model_groups({"consolidated.00.pth", "consolidated.01.pth", "params.json"}) == Groups{{0, 1}, {2}});
  CHECK(model_groups({"m/checkpoint_1.pt", "m/checkpoint_22.pt", "n/checkpoint_1.pt"}) == Groups{{0, 1}, {2}});
  CHECK(model_groups({"big-00001-of-00003.gguf", "big-00002-of-00003.gguf"}) == Groups{{0, 1}});
  CHECK(model_groups({"net.xml", "net.bin", "ckpt.index", "ckpt.data-00000-of-00001"}) == Groups{{0, 1}, {2, 3}});
  CHECK(model_groups({"o/m.onnx", "o/weights", "o/deep/part", "x.pkl"}) == Groups{{0, 1, 2}, {3}});
  CHECK(model_groups({"saved_model.pb", "variables/variables.index", "assets/vocab"}) == Groups{{0, 1, 2}});
  CHECK(model_groups({".hidden", ".other"}) == Groups{{0}, {1}});
}
