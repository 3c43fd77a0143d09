#include "sources/curl_transfer.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <mutex>

#include "modelaudit/auditor.hpp"
#include "sources/address.hpp"

namespace modelaudit::sources {
namespace {

constexpr std::size_t k_most_header_bytes = 64 << 10;
constexpr std::uint64_t k_most_dropped = 64 << 10;  // of a body that nobody wants
constexpr int k_poll_ms = 50;                       // a request to stop is honoured within this
constexpr long k_connect_ms = 30'000;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n' || text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

bool is_success(unsigned status) { return status >= 200 && status < 300; }

std::optional<std::uint64_t> number(std::optional<std::string_view> text) {
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

void refuse_too_large(const Exchange& exchange) {
  throw SourceFailure(Errc::limit, exchange.url.shown() + " is larger than " + std::to_string(exchange.request.max_bytes) +
                                       " bytes, which is the limit");
}

/// Before the first byte of a body that somebody wants.
void check_headers(const Exchange& exchange) {
  const auto encoding = exchange.reply.header("content-encoding");
  if (encoding && !encoding->empty() && lower(*encoding) != "identity") {
    throw SourceFailure(Errc::refused, exchange.url.shown() + " was sent compressed although nobody asked for that");
  }
  const auto length = number(exchange.reply.header("content-length"));
  if (length && *length > exchange.request.max_bytes) refuse_too_large(exchange);
}

// Exceptions must not pass through curl: they are kept, and curl is told to stop.

std::size_t take_header(char* line, std::size_t, std::size_t length, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::string_view text(line, length);
  try {
    exchange.header_bytes += length;
    if (exchange.header_bytes > k_most_header_bytes) throw SourceFailure(Errc::limit, exchange.url.shown() + " answers with more than 64 KiB of headers");
    if (text.starts_with("HTTP/")) {  // of the reply proper, after "100 Continue" and the like
      exchange.reply.headers.clear();
      const auto space = text.find(' ');
      exchange.reply.status = space == std::string_view::npos ? 0 : static_cast<unsigned>(std::min<std::uint64_t>(number(trimmed(text.substr(space, 4))).value_or(0), 999));
    } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
      exchange.reply.headers.push_back({lower(text.substr(0, colon)), std::string(trimmed(text.substr(colon + 1)))});
    }
  } catch (...) {
    exchange.error = std::current_exception();
    return 0;
  }
  return length;
}

std::size_t take_body(char* data, std::size_t, std::size_t length, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  HttpReply& reply = exchange.reply;
  if (!is_success(reply.status)) {
    reply.body_bytes += length;
    exchange.dropped_enough = reply.body_bytes > k_most_dropped;
    return exchange.dropped_enough ? 0 : length;
  }
  try {
    if (reply.body_bytes == 0) check_headers(exchange);
    if (length > exchange.request.max_bytes - reply.body_bytes) refuse_too_large(exchange);
    exchange.sink(reply, std::as_bytes(std::span(data, length)));
    reply.body_bytes += length;
  } catch (...) {
    exchange.error = std::current_exception();
    return 0;
  }
  return length;
}

/// The door to the network: whatever a name resolves to is looked at here, when it is connected to.
curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(self);
  const AddressKind kind = kind_of(address->addr, address->addrlen);
  bool allowed = kind == AddressKind::global || !exchange.proxy.empty();
  if (kind == AddressKind::private_network) allowed = allowed || exchange.private_allowed;
  if (kind == AddressKind::loopback || kind == AddressKind::link_local) allowed = allowed || exchange.loopback_allowed;
  if (kind == AddressKind::metadata || !allowed) {
    exchange.refused_address = text_of(address->addr, address->addrlen);
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

struct ListFree {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListFree>;

void add(HeaderList& list, const std::string& name, const std::string& value) {
  if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    throw SourceFailure(Errc::refused, "the value for " + name + " holds a control character; check the variable it comes from");
  }
  curl_slist* longer = curl_slist_append(list.get(), (name + ": " + value).c_str());
  if (longer == nullptr) throw std::bad_alloc();
  (void)list.release();
  list.reset(longer);
}

HeaderList headers_of(const Exchange& exchange) {
  HeaderList list;
  add(list, "Accept-Encoding", "identity");
  if (exchange.request.post_json) add(list, "Content-Type", "application/json");
  for (const Header& header : exchange.request.headers) add(list, header.name, header.value);
  if (exchange.with_credentials) {
    for (const Credential& credential : exchange.request.credentials) add(list, credential.name, credential.value.reveal());
  }
  return list;
}

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

CurlTransfer::CurlTransfer(const SourceOptions& options, std::stop_token stop) : options_(options), stop_(std::move(stop)) {
  start_curl();
  multi_.reset(curl_multi_init());
  easy_.reset(curl_easy_init());
  if (!multi_ || !easy_) throw std::bad_alloc();
}

void CurlTransfer::set_up(Exchange& exchange, curl_slist* headers) {
  CURL* easy = easy_.get();
  curl_easy_reset(easy);
  curl_says_[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_URL, exchange.url.text().c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, exchange.url.tls ? "https" : "http");
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_PROXY, exchange.proxy.c_str());  // an empty one keeps curl from asking the environment
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, ("modelaudit/" + std::string(library_version())).c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  if (exchange.request.post_json) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange.request.post_json->size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange.request.post_json->c_str());
  }
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, k_connect_ms);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options_.stall_bytes_per_second));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall_limit.count()));
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_says_);
}

CURLcode CurlTransfer::drive(const Exchange& exchange) {
  if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) return CURLE_FAILED_INIT;
  CURLcode code = CURLE_ABORTED_BY_CALLBACK;
  for (int running = 1;;) {
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) break;
    if (running == 0) {
      int left = 0;
      const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
      if (message != nullptr && message->msg == CURLMSG_DONE) code = message->data.result;
      break;
    }
    if (stop_.stop_requested()) break;
    if (std::chrono::steady_clock::now() >= exchange.deadline) {
      code = CURLE_OPERATION_TIMEDOUT;
      break;
    }
    (void)curl_multi_poll(multi_.get(), nullptr, 0, k_poll_ms, nullptr);
  }
  curl_multi_remove_handle(multi_.get(), easy_.get());
  return code;
}

void CurlTransfer::run(Exchange& exchange) {
  const auto headers = headers_of(exchange);
  exchange.reply = HttpReply{};
  exchange.reply.url = exchange.url;
  set_up(exchange, headers.get());
  const CURLcode code = drive(exchange);
  if (exchange.error) std::rethrow_exception(exchange.error);
  if (code != CURLE_OK && !exchange.dropped_enough) fail(exchange, code);
  curl_off_t wait = 0;
  if (curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0) {
    exchange.retry_after_s = static_cast<long>(std::min<curl_off_t>(wait, 1 << 30));
  }
  // A reply without a body never came to take_body().
  if (is_success(exchange.reply.status) && exchange.reply.body_bytes == 0) check_headers(exchange);
}

void CurlTransfer::fail(const Exchange& exchange, CURLcode code) const {
  const std::string where = exchange.url.shown();
  const std::string host = exchange.url.authority();
  if (stop_.stop_requested()) throw SourceFailure(Errc::cancelled, where + " was not fetched: interrupted");
  if (!exchange.refused_address.empty()) {
    throw SourceFailure(Errc::refused, host + " leads to " + exchange.refused_address +
                                           ", which is no public address; if that is meant, name it: --allow-host " + host);
  }
  const std::string why = curl_says_[0] != '\0' ? std::string(curl_says_) : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      throw SourceFailure(Errc::timed_out, where + " takes too long: " +
                                               (std::chrono::steady_clock::now() >= exchange.deadline
                                                    ? std::string("the time limit passed (--timeout)")
                                                    : "no connection, or slower than " + std::to_string(options_.stall_bytes_per_second) +
                                                          " bytes a second"));
    case CURLE_COULDNT_RESOLVE_HOST:
      throw SourceFailure(Errc::not_found, "there is no host " + exchange.url.host + "; check the spelling and the network");
    case CURLE_COULDNT_CONNECT: throw SourceFailure(Errc::io_error, "cannot connect to " + host + "; is the server up, and the port right?");
    case CURLE_COULDNT_RESOLVE_PROXY: throw SourceFailure(Errc::io_error, "the proxy cannot be found; check HTTPS_PROXY");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      throw SourceFailure(Errc::refused, host + " cannot prove who it is (" + why + "); name its authority in SSL_CERT_FILE if it has one of its own");
    case CURLE_SSL_CONNECT_ERROR: throw SourceFailure(Errc::refused, "no secure connection to " + host + ": " + why);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: throw SourceFailure(Errc::truncated, host + " closed the connection before all of " + where + " was sent");
    default: throw SourceFailure(Errc::io_error, where + " cannot be fetched: " + why);
  }
}

}  // namespace modelaudit::sources
