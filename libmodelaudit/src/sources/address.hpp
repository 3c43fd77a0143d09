#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace modelaudit::sources {

/// What kind of network an address leads to, for the decision whether a request may go there.
enum class AddressKind : std::uint8_t {
  global,          ///< the public internet
  private_network, ///< RFC 1918, RFC 6598 (carrier-grade NAT), unique local IPv6
  loopback,
  link_local,
  metadata,        ///< cloud instance metadata: hands out credentials to whoever asks
  special,         ///< unspecified, multicast, broadcast, documentation, benchmarking, reserved; no IP at all
};

/// IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4, Teredo) counts as what it leads to.
AddressKind kind_of(const sockaddr& address, socklen_t size) noexcept;

/// "169.254.169.254", "fe80::1"; "?" for what is no IP address.
std::string text_of(const sockaddr& address, socklen_t size);

}  // namespace modelaudit::sources
