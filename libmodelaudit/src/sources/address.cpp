#include "sources/address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <span>

namespace modelaudit::sources {
namespace {

using Bytes4 = std::array<std::uint8_t, 4>;
using Bytes16 = std::array<std::uint8_t, 16>;

struct Block4 {
  std::uint32_t prefix;
  unsigned bits;
  AddressKind kind;
};

// IANA IPv4 Special-Purpose Address Registry; the first that fits counts. 168.63.129.16 is Azure's own host address,
// 100.100.100.200 and 169.254.169.254 are metadata services.
constexpr std::array<Block4, 20> k_blocks4{{
    {0xa9fea9fe, 32, AddressKind::metadata},         // 169.254.169.254
    {0x646464c8, 32, AddressKind::metadata},         // 100.100.100.200
    {0xa83f8110, 32, AddressKind::metadata},         // 168.63.129.16
    {0xc00000c0, 32, AddressKind::metadata},         // 192.0.0.192
    {0x7f000000, 8, AddressKind::loopback},          // 127.0.0.0/8
    {0x00000000, 8, AddressKind::special},           // 0.0.0.0/8
    {0x0a000000, 8, AddressKind::private_network},   // 10.0.0.0/8
    {0xac100000, 12, AddressKind::private_network},  // 172.16.0.0/12
    {0xc0a80000, 16, AddressKind::private_network},  // 192.168.0.0/16
    {0x64400000, 10, AddressKind::private_network},  // 100.64.0.0/10
    {0xa9fe0000, 16, AddressKind::link_local},       // 169.254.0.0/16
    {0xc0000000, 24, AddressKind::special},          // 192.0.0.0/24
    {0xc0000200, 24, AddressKind::special},          // 192.0.2.0/24
    {0xc6336400, 24, AddressKind::special},          // 198.51.100.0/24
    {0xcb007100, 24, AddressKind::special},          // 203.0.113.0/24
    {0xc0586300, 24, AddressKind::special},          // 192.88.99.0/24
    {0xc6120000, 15, AddressKind::special},          // 198.18.0.0/15
    {0xe0000000, 4, AddressKind::special},           // multicast
    {0xf0000000, 4, AddressKind::special},           // reserved, broadcast
    {0x00000000, 0, AddressKind::global},
}};

AddressKind kind_of4(std::span<const std::uint8_t, 4> a) noexcept {
  const std::uint32_t value = std::uint32_t{a[0]} << 24 | std::uint32_t{a[1]} << 16 | std::uint32_t{a[2]} << 8 | a[3];
  for (const Block4& block : k_blocks4) {
    const std::uint32_t mask = block.bits == 0 ? 0 : ~std::uint32_t{0} << (32 - block.bits);
    if ((value & mask) == block.prefix) return block.kind;
  }
  return AddressKind::special;
}

bool begins_with(const Bytes16& a, std::initializer_list<std::uint8_t> prefix) noexcept {
  return std::equal(prefix.begin(), prefix.end(), a.begin());
}

// fd00:ec2::254, the metadata service of EC2 over IPv6.
constexpr Bytes16 k_ec2{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};

AddressKind kind_of6(const Bytes16& a) noexcept {
  const auto inside = [&](std::size_t at) { return kind_of4(std::span<const std::uint8_t, 4>(a.data() + at, 4)); };
  const bool zero10 = std::all_of(a.begin(), a.begin() + 10, [](std::uint8_t b) { return b == 0; });
  if (zero10 && a[10] == 0xff && a[11] == 0xff) return inside(12);                           // ::ffff:0:0/96, mapped
  if (zero10 && a[10] == 0 && a[11] == 0) {                                                  // ::/96, compatible
    const bool one = a[12] == 0 && a[13] == 0 && a[14] == 0 && a[15] == 1;
    return one ? AddressKind::loopback : a[12] == 0 ? AddressKind::special : inside(12);
  }
  if (begins_with(a, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return inside(12);   // 64:ff9b::/96, NAT64
  if (begins_with(a, {0x00, 0x64, 0xff, 0x9b, 0, 1})) return AddressKind::private_network;   // 64:ff9b:1::/48, RFC 8215
  if (begins_with(a, {0x20, 0x02})) return inside(2);                                        // 2002::/16, 6to4
  if (begins_with(a, {0x20, 0x01, 0, 0})) return AddressKind::special;                       // 2001::/32, Teredo
  if (begins_with(a, {0x20, 0x01, 0x0d, 0xb8})) return AddressKind::special;                 // documentation
  if (a == k_ec2) return AddressKind::metadata;
  if ((a[0] & 0xfe) == 0xfc) return AddressKind::private_network;                            // fc00::/7
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) return AddressKind::link_local;                 // fe80::/10
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0xc0) return AddressKind::private_network;            // fec0::/10, site-local
  return (a[0] & 0xe0) == 0x20 ? AddressKind::global : AddressKind::special;                 // 2000::/3 is all there is
}

}  // namespace

AddressKind kind_of(const sockaddr& address, socklen_t size) noexcept {
  if (address.sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    const std::uint32_t value = ntohl(in.sin_addr.s_addr);
    const Bytes4 bytes{static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                       static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    return kind_of4(bytes);
  }
  if (address.sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    Bytes16 bytes;
    std::copy(std::begin(in.sin6_addr.s6_addr), std::end(in.sin6_addr.s6_addr), bytes.begin());
    return kind_of6(bytes);
  }
  return AddressKind::special;
}

std::string text_of(const sockaddr& address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  if (getnameinfo(&address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  return text.data();
}

}  // namespace modelaudit::sources
