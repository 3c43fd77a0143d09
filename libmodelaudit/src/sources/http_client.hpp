#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelaudit/result.hpp"
#include "modelaudit/sources.hpp"
#include "sources/url.hpp"

// What drivers (jfrog, mlflow) talk HTTP through. The one in use is libcurl's (curl_client.hpp); tests have their own.

namespace modelaudit::sources {

/// Something between us and the file: the network, the server, the policy. Thrown inside this library only; it becomes
/// a TargetError. The message is a sentence for a person, without credentials and without query strings.
class SourceFailure : public std::runtime_error {
 public:
  SourceFailure(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

struct Header {
  std::string name;
  std::string value;
};

/// A header that goes to the host of the request's URL and never anywhere else.
struct Credential {
  std::string name;  ///< "Authorization", "X-JFrog-Art-Api"
  Secret value;      ///< "Bearer …"
};

struct HttpRequest {
  Url url;
  std::vector<Header> headers;
  std::vector<Credential> credentials;     ///< dropped once a redirect leaves the URL's scheme, host and port
  std::optional<std::string> post_json;    ///< POST with this body; else GET
  std::uint64_t max_bytes = std::uint64_t{10} << 20;  ///< of the reply's body; more is a SourceFailure (limit)
  std::chrono::milliseconds time_limit{30'000};       ///< wall clock, redirects included
  /// May a redirect lead to this host? The URL's own scheme, host and port always may. Addresses are checked besides.
  std::function<bool(const Url&)> may_redirect_to;
};

struct HttpReply {
  unsigned status = 0;
  std::vector<Header> headers;   ///< names in lower case
  Url url;                       ///< that answered, after redirects
  std::uint64_t body_bytes = 0;  ///< handed to the sink

  /// The first header of that (lower-case) name, or nothing.
  std::optional<std::string_view> header(std::string_view name) const noexcept;
};

/// Takes the body of a 2xx reply, piece by piece; may throw SourceFailure. Bodies of other replies are dropped.
/// `reply` has its headers by then.
using Sink = std::function<void(const HttpReply& reply, std::span<const std::byte> piece)>;

/// @par Threads  one call at a time.
class HttpClient {
 public:
  virtual ~HttpClient();
  /// Any status is a reply. No reply, a reply that is cut, too large or compressed, a redirect that is refused: throws
  /// SourceFailure. 429 and 5xx and broken connections are tried again before a body was begun.
  virtual HttpReply send(const HttpRequest& request, const Sink& sink) = 0;
};

/// The body as text, for listings. `reply` gets the rest when it is asked for.
std::string get_text(HttpClient& client, const HttpRequest& request, HttpReply* reply = nullptr);

}  // namespace modelaudit::sources
