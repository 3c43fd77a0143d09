#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/result.hpp"

namespace modelaudit::sources {

/// An http or https URL, taken apart strictly (RFC 3986, and nothing a browser would forgive): no user information, no
/// fragment, no control characters, spaces or backslashes, host in lower case.
struct Url {
  bool tls = true;           ///< https
  std::string host;          ///< name, dotted address, or IPv6 address without brackets
  std::uint16_t port = 443;
  std::string path = "/";    ///< as written, still percent-encoded; begins with '/'
  std::string query;         ///< without '?'

  static Result<Url> parse(std::string_view text);
  /// What a Location header means, seen from this URL.
  Result<Url> resolve(std::string_view location) const;

  bool same_origin(const Url& other) const noexcept {
    return tls == other.tls && port == other.port && host == other.host;
  }
  /// "https://host[:port]"
  std::string origin() const;
  /// With path and query: what is requested.
  std::string text() const;
  /// With the path, without the query, which may hold a signature: what people and reports see.
  std::string shown() const { return origin() + path; }
  /// "host", or "host:port" where the port is not the scheme's own.
  std::string authority() const;
};

/// Is the URL's host in a list of "host" and "host:port"? An entry without a port stands for the scheme's own.
bool is_listed(const Url& url, const std::vector<std::string>& hosts);

/// Percent-decoded once; nothing for a '%' without two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);
/// A path component with everything but unreserved characters (RFC 3986) escaped.
std::string percent_encode(std::string_view component);

}  // namespace modelaudit::sources
