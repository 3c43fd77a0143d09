#pragma once

#include <memory>
#include <string>

#include "modelaudit/auditor.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit::cache {

/// A cache on a server, ready to use.
struct Server {
  std::shared_ptr<CacheBackend> backend;
  CacheSecret secret;
  std::string address;  ///< for people, without password
};

/// The server at `options.url`. A password that is not in the address is taken from `$MODELAUDIT_CACHE_PASSWORD`, else
/// from the file `$MODELAUDIT_CACHE_PASSWORD_FILE`. Its keys stand under a prefix that belongs to the secret, so that
/// those who do not share a secret do not get in each other's way.
///
/// @throws Error for a wrong address, a key file that was named and does not exist, a missing libhiredis.
Server open_server(const CacheOptions& options, CacheAccess access);

}  // namespace modelaudit::cache
