#pragma once

#include <curl/curl.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "sources/http_client.hpp"

namespace modelaudit::sources {

// CURL and CURLM are both void to the compiler.
struct EasyFree {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct MultiFree {
  void operator()(CURLM* multi) const noexcept { (void)curl_multi_cleanup(multi); }
};

/// One request to one address, no redirects: the part of an exchange that curl's callbacks see.
struct Exchange {
  const Url& url;
  const HttpRequest& request;
  const Sink& sink;
  bool with_credentials;
  bool private_allowed;   ///< addresses of private networks
  bool loopback_allowed;  ///< loopback and link-local ones too
  std::string proxy;      ///< empty: none
  std::chrono::steady_clock::time_point deadline;

  HttpReply reply;
  std::size_t header_bytes = 0;
  bool dropped_enough = false;          ///< a body that nobody wants was cut off
  std::string refused_address;          ///< not connected to
  std::exception_ptr error;             ///< from the sink, or our own refusal
  std::optional<long> retry_after_s;    ///< what the server asks for
};

/// Runs exchanges one after another over kept connections.
class CurlTransfer {
 public:
  CurlTransfer(const SourceOptions& options, std::stop_token stop);

  /// Fills `exchange.reply`. Throws SourceFailure: truncated (the body was cut), timed_out, cancelled, limit, io_error …
  void run(Exchange& exchange);

 private:
  CURLcode drive(const Exchange& exchange);
  void set_up(Exchange& exchange, curl_slist* headers);
  [[noreturn]] void fail(const Exchange& exchange, CURLcode code) const;

  const SourceOptions& options_;
  std::stop_token stop_;
  std::unique_ptr<CURLM, MultiFree> multi_;
  std::unique_ptr<CURL, EasyFree> easy_;
  char curl_says_[CURL_ERROR_SIZE] = {};
};

}  // namespace modelaudit::sources
