#include "sources/curl_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <set>

#include "sources/address.hpp"
#include "sources/curl_transfer.hpp"

namespace modelaudit::sources {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned k_most_redirects = 5;
constexpr std::chrono::milliseconds k_longest_wait{60'000};

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_worth_another_try(unsigned status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// The address that a host name spells out, if it does.
std::optional<AddressKind> literal_kind(const std::string& host) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) return kind_of(reinterpret_cast<const sockaddr&>(v4), sizeof v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) return kind_of(reinterpret_cast<const sockaddr&>(v6), sizeof v6);
  return std::nullopt;
}

/// Names that mean this machine or its cloud, whoever resolves them.
bool is_inside_name(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host.ends_with(".internal") || host.ends_with(".local") ||
         host.find('.') == std::string_view::npos;
}

/// Is the host one of those that are reached without the proxy? The list's grammar is curl's: names stand for what is
/// below them too, "*" for all.
bool is_direct(std::string_view host, std::string_view list) {
  while (!list.empty()) {
    const auto comma = std::min(list.find_first_of(", "), list.size());
    std::string_view entry = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (entry == "*") return true;
    if (entry.starts_with('.')) entry.remove_prefix(1);
    if (entry.empty() || !host.ends_with(entry)) continue;
    if (host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.') return true;
  }
  return false;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(const SourceOptions& options, const std::vector<std::string>& trusted, std::stop_token stop)
      : options_(options), trusted_(trusted), stop_(std::move(stop)), transfer_(options_, stop_) {}

  HttpReply send(const HttpRequest& request, const Sink& sink) override {
    const auto deadline = Clock::now() + request.time_limit;
    for (unsigned attempt = 1;; ++attempt) {
      bool begun = false;
      const Sink watched = [&](const HttpReply& reply, std::span<const std::byte> piece) {
        begun = true;
        sink(reply, piece);
      };
      std::optional<long> retry_after_s;
      try {
        HttpReply reply = follow(request, watched, deadline, retry_after_s);
        if (!is_worth_another_try(reply.status) || attempt >= options_.attempts) return reply;
        if (!wait_before(attempt, retry_after_s, deadline)) return reply;
      } catch (const SourceFailure& failure) {
        if (failure.code() != Errc::truncated || begun || attempt >= options_.attempts) throw;
        if (!wait_before(attempt, {}, deadline)) throw;
      }
    }
  }

 private:
  /// The request and the redirects it meets.
  HttpReply follow(const HttpRequest& request, const Sink& sink, Clock::time_point deadline, std::optional<long>& retry_after_s) {
    Url url = request.url;
    std::set<std::string> visited;
    bool with_credentials = true;
    for (unsigned hops = 0;; ++hops) {
      check_allowed(url);
      visited.insert(url.text());
      Exchange exchange{url, request, sink, with_credentials, is_private_allowed(url), is_listed(url, options_.allowed_hosts),
                        proxy_for(url), deadline, {}, 0, false, {}, {}, {}};
      transfer_.run(exchange);
      const auto location = exchange.reply.header("location");
      if (!is_redirect(exchange.reply.status) || !location) {
        retry_after_s = exchange.retry_after_s;
        return std::move(exchange.reply);
      }
      Url next = next_url(request, url, *location);
      if (hops == k_most_redirects) throw SourceFailure(Errc::refused, request.url.shown() + " is redirected more than 5 times");
      if (visited.contains(next.text())) throw SourceFailure(Errc::refused, request.url.shown() + " is redirected in a circle");
      if (!next.same_origin(request.url)) with_credentials = false;
      url = std::move(next);
    }
  }

  static Url next_url(const HttpRequest& request, const Url& from, std::string_view location) {
    const auto next = from.resolve(location);
    if (!next) {
      throw SourceFailure(Errc::refused, from.shown() + " is redirected to an address that cannot be used: " + next.error().what);
    }
    if (request.post_json) throw SourceFailure(Errc::refused, from.shown() + " redirects a POST, which is not followed");
    if (from.tls && !next->tls) throw SourceFailure(Errc::refused, from.shown() + " is redirected from https to http at " + next->authority());
    if (!next->same_origin(request.url) && !(request.may_redirect_to && request.may_redirect_to(*next))) {
      throw SourceFailure(Errc::refused, from.shown() + " is redirected to another host, " + next->authority() + ", that is not allowed");
    }
    return *next;
  }

  bool is_private_allowed(const Url& url) const { return is_listed(url, options_.allowed_hosts) || is_listed(url, trusted_); }

  /// What can be said before a name is resolved.
  void check_allowed(const Url& url) const {
    const bool named = is_listed(url, options_.allowed_hosts);
    if (!url.tls && !named) {
      throw SourceFailure(Errc::refused, url.shown() + " is not encrypted; use https, or name the host: --allow-host " + url.authority());
    }
    const auto kind = literal_kind(url.host);
    const bool inside = !proxy_for(url).empty() && is_inside_name(url.host);
    const bool private_network = kind == AddressKind::private_network || inside;
    if ((!kind || *kind == AddressKind::global) && !inside) return;
    const bool local = kind == AddressKind::loopback || kind == AddressKind::link_local;
    if ((local && named) || (private_network && is_private_allowed(url))) return;
    const bool never = kind == AddressKind::metadata || kind == AddressKind::special;
    throw SourceFailure(Errc::refused, url.host + " is no public address" +
                                           (never ? std::string(" and never fetched from")
                                                  : "; if that is meant, name it: --allow-host " + url.authority()));
  }

  std::string proxy_for(const Url& url) const {
    return options_.proxy.empty() || is_direct(url.host, options_.no_proxy) ? std::string() : options_.proxy;
  }

  /// False when it would take longer than anybody waits.
  bool wait_before(unsigned attempt, std::optional<long> retry_after_s, Clock::time_point deadline) {
    auto wait = options_.retry_wait * (1u << std::min(attempt - 1, 6u));
    static thread_local std::minstd_rand dice{std::random_device{}()};
    wait = wait * std::uniform_int_distribution<int>(50, 150)(dice) / 100;
    wait = std::min(wait, k_longest_wait);
    if (retry_after_s) wait = std::max(wait, std::chrono::milliseconds(std::chrono::seconds(*retry_after_s)));
    if (wait > k_longest_wait || Clock::now() + wait >= deadline) return false;
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    (void)never.wait_for(lock, stop_, wait, [] { return false; });
    return !stop_.stop_requested();
  }

  const SourceOptions& options_;
  std::vector<std::string> trusted_;
  std::stop_token stop_;
  CurlTransfer transfer_;
};

}  // namespace

std::unique_ptr<HttpClient> make_curl_client(const SourceOptions& options, const std::vector<std::string>& trusted,
                                             std::stop_token stop) {
  return std::make_unique<CurlClient>(options, trusted, std::move(stop));
}

}  // namespace modelaudit::sources
