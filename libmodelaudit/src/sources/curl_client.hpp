#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "sources/http_client.hpp"

namespace modelaudit::sources {

/// HttpClient over libcurl. Connections are kept for the next request. What it adds to curl: redirects by hand, every
/// address looked at before it is connected to, caps, deadlines, retries. It reads neither .netrc nor the environment.
///
/// `trusted` hosts ("host", "host:port") may have private addresses, beside `options.allowed_hosts`, which may also be on
/// loopback and without TLS.
std::unique_ptr<HttpClient> make_curl_client(const SourceOptions& options, const std::vector<std::string>& trusted,
                                             std::stop_token stop);

}  // namespace modelaudit::sources
