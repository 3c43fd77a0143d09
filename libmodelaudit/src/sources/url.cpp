#include "sources/url.hpp"

#include <algorithm>
#include <charconv>

namespace modelaudit::sources {
namespace {

constexpr std::size_t k_longest = 8192;  // what servers take at most
constexpr std::uint16_t k_https = 443;
constexpr std::uint16_t k_http = 80;

constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Failure refuse(const char* what) { return Failure{Errc::malformed, 0, what}; }

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-') return false;
  return std::all_of(host.begin(), host.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; });
}

/// Only the characters of an IPv6 address, without a zone: what it means is the resolver's to say.
bool is_ipv6(std::string_view host) {
  if (host.size() < 2 || host.size() > 45 || host.find(':') == std::string_view::npos) return false;
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.'; });
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

/// "host", "host:port", "[v6]", "[v6]:port" into the URL.
bool read_authority(std::string_view text, Url& url) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    if (!is_ipv6(host)) return false;
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return false;
    if (rest.size() == 1) return false;
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    if (!is_host_name(host)) return false;
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return false;
    }
  }
  url.host = lower(host);
  if (url.host.ends_with('.')) url.host.pop_back();  // the root of the name system: the same host
  url.port = url.tls ? k_https : k_http;
  if (port.empty()) return !url.host.empty();
  const auto number = port_of(port);
  if (number) url.port = *number;
  return number && !url.host.empty();
}

/// Parts of a path as RFC 3986 5.2.4 has them: "." and ".." resolved, never above the root.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  for (std::size_t at = 1; at <= path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, slash - at);
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (part != "." && !(part.empty() && slash == path.size())) {
      kept.push_back(part);
    }
    at = slash + 1;
  }
  std::string out;
  for (const std::string_view part : kept) out.append("/").append(part);
  if (folder || out.empty()) out += '/';
  return out;
}

std::string host_text(const Url& url) {
  return url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > k_longest) return refuse("the address is longer than 8,192 characters");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>') {
      return refuse("the address holds a space, backslash, quote, control or non-ASCII character; percent-encode it");
    }
  }
  Url url;
  const std::string scheme = lower(text.substr(0, 8));
  if (scheme == "https://") {
    text.remove_prefix(8);
  } else if (scheme.starts_with("http://")) {
    url.tls = false;
    text.remove_prefix(7);
  } else {
    return refuse("the address is neither https:// nor http://");
  }
  text = text.substr(0, text.find('#'));
  const std::string_view authority = text.substr(0, text.find_first_of("/?"));
  if (authority.find('@') != std::string_view::npos) {
    return refuse("the address holds a user name or password; put credentials into the environment instead");
  }
  if (!read_authority(authority, url)) return refuse("the address has no usable host and port");
  text.remove_prefix(authority.size());
  const auto question = text.find('?');
  if (question != std::string_view::npos) url.query = text.substr(question + 1);
  const std::string_view path = text.substr(0, question);
  if (!path.empty()) url.path = path;
  if (!percent_decode(url.path)) return refuse("the address holds a '%' that escapes nothing");
  return url;
}

Result<Url> Url::resolve(std::string_view location) const {
  if (location.empty()) return refuse("the server redirects to nowhere");
  if (location.starts_with("//")) return parse((tls ? "https:" : "http:") + std::string(location));
  const auto colon = location.find(':');
  if (colon != std::string_view::npos && location.find_first_of("/?#") > colon) return parse(location);
  const std::string_view target = location.substr(0, location.find('#'));
  if (target.starts_with('?')) return parse(origin() + path + std::string(target));
  if (target.empty()) return *this;
  const auto question = std::min(target.find('?'), target.size());
  std::string whole(target.substr(0, question));
  if (!whole.starts_with('/')) whole = path.substr(0, path.rfind('/') + 1) + whole;
  return parse(origin() + without_dots(whole) + std::string(target.substr(question)));
}

std::string Url::authority() const {
  const std::uint16_t usual = tls ? k_https : k_http;
  return host_text(*this) + (port == usual ? "" : ":" + std::to_string(port));
}

std::string Url::origin() const { return (tls ? "https://" : "http://") + authority(); }

std::string Url::text() const { return origin() + path + (query.empty() ? "" : "?" + query); }

bool is_listed(const Url& url, const std::vector<std::string>& hosts) {
  return std::any_of(hosts.begin(), hosts.end(), [&](const std::string& entry) {
    Url listed;
    listed.tls = url.tls;
    return read_authority(entry, listed) && listed.host == url.host && listed.port == url.port;
  });
}

std::optional<std::string> percent_decode(std::string_view text) {
  const auto digit = [](char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view component) {
  static constexpr char k_digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : component) {
    if (is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += k_digits[byte >> 4];
      out += k_digits[byte & 15];
    }
  }
  return out;
}

}  // namespace modelaudit::sources
