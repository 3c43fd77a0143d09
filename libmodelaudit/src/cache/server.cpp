#include "cache/server.hpp"

#include <fcntl.h>

#include <cstdlib>

#include "cache/hex.hpp"
#include "cache/locations.hpp"
#include "cache/posix.hpp"
#include "io/sha256.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/redis.hpp"

namespace modelaudit::cache {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t k_longest_password = 4096;
constexpr std::chrono::milliseconds k_patience{5000};  // of somebody who asked for statistics
constexpr std::size_t k_space_digits = 16;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view(value);
}

/// The first line of the file.
std::string password_in(const fs::path& file) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);  // secrets are often mounted behind a link
  const auto bytes = read_small_file(AT_FDCWD, error ? file.string() : real.string(), k_longest_password);
  if (!bytes) throw Error("the password of the cache server cannot be read from " + file.string() + "; check MODELAUDIT_CACHE_PASSWORD_FILE");
  const std::string_view text = ByteView(std::span(*bytes)).text();
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

std::string find_password() {
  if (const auto word = environment("MODELAUDIT_CACHE_PASSWORD"); !word.empty()) return std::string(word);
  if (const auto file = environment("MODELAUDIT_CACHE_PASSWORD_FILE"); !file.empty()) return password_in(file);
  return {};
}

/// A key that was named is the fleet's: one that is made up because of a slip of the pen would share with nobody.
CacheSecret secret_of(const CacheOptions& options, CacheAccess access) {
  std::error_code error;
  if (!options.key_file.empty()) {
    const std::string name = options.key_file.string();
    if (fs::exists(options.key_file, error)) return CacheSecret::from_file(options.key_file);
    throw Error("the key of the result cache, " + name + ", does not exist; make it once (head -c 32 /dev/urandom > " + name +
                "; chmod 600 " + name + ") and copy it to every host that shares the cache");
  }
  const auto standard = default_key_file();
  const bool exists = standard && fs::exists(*standard, error);
  // Without a key nothing can have been stored; an inspection makes none.
  return access == CacheAccess::scan || exists ? CacheSecret::from_file() : CacheSecret::random();
}

}  // namespace

Server open_server(const CacheOptions& options, CacheAccess access) {
  RedisOptions redis = parse_redis_url(options.url);
  if (redis.password.empty()) redis.password = find_password();
  const CacheSecret secret = secret_of(options, access);
  const Digest space = io::hmac_sha256(secret.bytes, as_view("modelaudit cache server namespace").span());
  redis.prefix += to_hex(space).substr(0, k_space_digits) + ":";
  if (access != CacheAccess::scan) redis.connect_timeout = redis.command_timeout = k_patience;
  return {make_redis_cache(redis), secret, redis_address(redis)};
}

}  // namespace modelaudit::cache
