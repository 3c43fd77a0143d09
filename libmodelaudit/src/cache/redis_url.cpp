#include <algorithm>
#include <charconv>

#include "modelaudit/redis.hpp"

namespace modelaudit {
namespace {

constexpr unsigned k_last_database = 0x7FFFFFFF;
constexpr unsigned k_longest_timeout_ms = 3'600'000;

/// Never shows what it was given: a password may be anywhere in it.
[[noreturn]] void refuse(const char* why) {
  throw Error(std::string("the address of the cache server is wrong: ") + why +
              "; write redis://host:port/database or unix:///path/to/socket?db=database");
}

template <typename Number>
Number number_in(std::string_view text, Number most, const char* what) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || number > most) refuse(what);
  return number;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2 || value == 0) {
      refuse("% is not followed by two hexadecimal digits");
    }
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

/// Takes "[user][:password]@" off the front.
void take_user(std::string_view& rest, RedisOptions& options) {
  // A password that was not encoded may hold an @: the last one before the path counts.
  const auto at = rest.substr(0, rest.find('/')).rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view user = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const auto colon = user.find(':');
  options.user = decoded(user.substr(0, colon));
  if (colon != std::string_view::npos) options.password = decoded(user.substr(colon + 1));
}

void take_host(std::string_view place, RedisOptions& options) {
  std::string_view port;
  std::string_view host = place;
  if (place.starts_with('[')) {  // RFC 3986: an IPv6 address
    const auto end = place.find(']');
    if (end == std::string_view::npos) refuse("the ] of an IPv6 address is missing");
    host = place.substr(1, end - 1);
    port = place.substr(end + 1);
    if (!port.empty() && port.front() != ':') refuse("after an IPv6 address comes :port");
  } else if (const auto colon = place.find(':'); colon != std::string_view::npos) {
    host = place.substr(0, colon);
    port = place.substr(colon);
  }
  const bool plain = std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < 0x7F && c != '?' && c != '#'; });
  if (host.empty() || !plain) refuse("there is no host name in it");
  options.host = host;
  if (port.empty()) return;
  options.port = number_in<std::uint16_t>(port.substr(1), 65535, "the port is not between 1 and 65535");
  if (options.port == 0) refuse("the port is not between 1 and 65535");
}

/// Takes "?name=value&name=value" off the end.
void take_query(std::string_view& rest, RedisOptions& options) {
  const auto question = rest.find('?');
  if (question == std::string_view::npos) return;
  std::string_view words = rest.substr(question + 1);
  rest = rest.substr(0, question);
  for (bool more = true; more;) {
    const auto end = words.find('&');
    const std::string_view word = words.substr(0, end);
    more = end != std::string_view::npos;
    if (more) words.remove_prefix(end + 1);
    if (word.starts_with("db=")) {
      options.database = number_in(word.substr(3), k_last_database, "the database is not a number");
    } else if (word.starts_with("timeout=")) {
      const unsigned ms = number_in(word.substr(8), k_longest_timeout_ms, "the time limit is not a number of milliseconds");
      if (ms == 0) refuse("the time limit is not a number of milliseconds");
      options.connect_timeout = options.command_timeout = std::chrono::milliseconds{ms};
    } else {
      refuse("after ? only db= and timeout= are known");
    }
  }
}

RedisOptions parse_tcp(std::string_view rest) {
  RedisOptions options;
  take_query(rest, options);
  take_user(rest, options);
  const auto slash = rest.find('/');
  take_host(rest.substr(0, slash), options);
  const std::string_view database = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  if (!database.empty()) options.database = number_in(database, k_last_database, "the database is not a number");
  return options;
}

RedisOptions parse_unix(std::string_view rest) {
  RedisOptions options;
  take_query(rest, options);
  take_user(rest, options);
  options.unix_socket = decoded(rest);
  if (!options.unix_socket.starts_with('/')) refuse("the path of the socket does not begin with /");
  return options;
}

}  // namespace

RedisOptions parse_redis_url(std::string_view url) {
  if (url.starts_with("redis://")) return parse_tcp(url.substr(8));
  if (url.starts_with("unix://")) return parse_unix(url.substr(7));
  if (url.starts_with("rediss://")) {
    throw Error("a cache server behind TLS (rediss://) is not supported; reach it through a tunnel or a Unix socket");
  }
  refuse("it begins with neither redis:// nor unix://");
}

std::string redis_address(const RedisOptions& options) {
  const std::string database = std::to_string(options.database);
  if (!options.unix_socket.empty()) return "unix://" + options.unix_socket + "?db=" + database;
  const bool bracketed = options.host.find(':') != std::string::npos;
  return "redis://" + (bracketed ? "[" + options.host + "]" : options.host) + ":" + std::to_string(options.port) + "/" + database;
}

}  // namespace modelaudit
