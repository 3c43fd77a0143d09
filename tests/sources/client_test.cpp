// The HTTP client against the double: what C++ options decide and the program cannot be asked for.
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "sources/curl_client.hpp"
#include "sources/double.hpp"
#include "sources/driver.hpp"

using namespace modelaudit;
using namespace modelaudit::sources;
using namespace modelaudit::test;

namespace {

struct Asked {
  HttpReply reply;
  std::string body;
};

class Client {
 public:
  explicit Client(SourceOptions given, std::vector<std::string> trusted = {}, std::stop_token stop = {})
      : options(std::move(given)), client_(make_curl_client(options, trusted, stop)) {}

  HttpRequest request(const std::string& url) const {
    HttpRequest made;
    made.url = *Url::parse(url);
    return made;
  }
  Asked get(const HttpRequest& request) {
    Asked asked;
    asked.body = get_text(*client_, request, &asked.reply);
    return asked;
  }
  Asked get(const std::string& url) { return get(request(url)); }
  /// The failure that a request ends in.
  SourceFailure failure(const HttpRequest& request) {
    try {
      const Asked asked = get(request);
      FAIL("status " << asked.reply.status);
    } catch (const SourceFailure& failure) {
      return failure;
    }
    throw std::logic_error("not reached");
  }
  SourceFailure failure(const std::string& url) { return failure(request(url)); }

  SourceOptions options;

 private:
  std::unique_ptr<HttpClient> client_;
};

}  // namespace

TEST_CASE("a reply has its status, headers and body", "[client]") {
  ArtifactoryDouble server;
  Client client(server.options());
  const Asked asked = client.get(server.url("models/evil.pkl"));
  CHECK(asked.reply.status == 200);
  CHECK(asked.body.size() == 28);
  CHECK(asked.reply.body_bytes == 28);
  CHECK(asked.reply.header("etag") == "\"first\"");
  CHECK_FALSE(asked.reply.header("ETag"));
  const Asked missing = client.get(server.url("models/none"));
  CHECK(missing.reply.status == 404);
  CHECK(missing.body.empty());
}

TEST_CASE("a body may be as large as the limit, and no larger", "[client]") {
  ArtifactoryDouble server;
  Client client(server.options());
  HttpRequest request = client.request(server.url("models/evil.pkl"));
  request.max_bytes = 28;
  CHECK(client.get(request).body.size() == 28);
  request.max_bytes = 27;
  CHECK(client.failure(request).code() == Errc::limit);
  request.url = *Url::parse(server.url("endless/model.pkl"));
  request.max_bytes = 1 << 20;
  CHECK(client.failure(request).code() == Errc::limit);
}

TEST_CASE("errors of the server are tried again, so often and no more", "[client]") {
  ArtifactoryDouble server;
  SourceOptions options = server.options();
  options.attempts = 3;
  Client client(options);
  CHECK(client.get(server.url("shaky/model.pkl")).reply.status == 200);
  options.attempts = 2;
  Client hasty(options);
  CHECK(hasty.get(server.url("broken/model.pkl")).reply.status == 503);
  // The server asks for a day: nobody waits for that.
  CHECK(hasty.get(server.url("busy/model.pkl")).reply.status == 429);
}

TEST_CASE("a stalled server, a time limit and a stop end a request", "[client]") {
  ArtifactoryDouble server;
  SourceOptions options = server.options();
  options.stall_limit = std::chrono::seconds(1);
  Client client(options);
  const SourceFailure stalled = client.failure(server.url("slow/model.pkl"));
  CHECK(stalled.code() == Errc::timed_out);
  CHECK(std::string(stalled.what()).find("slower than") != std::string::npos);

  HttpRequest request = client.request(server.url("silent/model.pkl"));
  request.time_limit = std::chrono::milliseconds(100);
  const SourceFailure late = client.failure(request);
  CHECK(late.code() == Errc::timed_out);
  CHECK(std::string(late.what()).find("time limit") != std::string::npos);

  std::stop_source stop;
  Client stopped(server.options(), {}, stop.get_token());
  std::jthread soon([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  CHECK(stopped.failure(server.url("silent/model.pkl")).code() == Errc::cancelled);
}

TEST_CASE("a host that may have a private address may not be on loopback, nor without TLS", "[client]") {
  ArtifactoryDouble server;
  SourceOptions options = server.options();
  options.allowed_hosts.clear();
  Client client(options, {server.host()});
  CHECK(client.failure(server.url("models/evil.pkl")).code() == Errc::refused);
  CHECK(client.failure("https://" + server.host() + "/artifactory/models/evil.pkl").code() == Errc::refused);
}

TEST_CASE("a name that leads to a local address is refused when it is connected to", "[client]") {
  ArtifactoryDouble server;
  const std::string port = server.host().substr(server.host().find(':'));
  Client client(server.options());
  const SourceFailure failure = client.failure("https://localhost" + port + "/x");
  CHECK(failure.code() == Errc::refused);
  CHECK(std::string(failure.what()).find("--allow-host localhost") != std::string::npos);
}

TEST_CASE("nobody listens, and no such host", "[client]") {
  SourceOptions options;
  options.allowed_hosts = {"127.0.0.1:9"};
  Client client(options);
  CHECK(client.failure("http://127.0.0.1:9/x").code() == Errc::io_error);
  CHECK(client.failure("https://no-such-host.invalid/x").code() == Errc::not_found);
}

TEST_CASE("credentials are dropped at the first step to another origin and stay dropped", "[client]") {
  ArtifactoryDouble server;
  SourceOptions options = server.options();
  options.allowed_hosts.push_back(server.other_host());
  Client client(options);
  HttpRequest request = client.request(server.url("redirect-other/model.pkl"));
  request.credentials.push_back({"X-JFrog-Art-Api", Secret("key-5e1f")});
  CHECK(client.failure(request).code() == Errc::refused);
  request.may_redirect_to = [](const Url&) { return true; };
  CHECK(client.get(request).reply.status == 200);
  const std::string requests = client.get("http://" + server.host() + "/requests").body;
  const auto blob = requests.find("/blob");
  REQUIRE(blob != std::string::npos);
  CHECK(requests.find("key-5e1f") < blob);
  CHECK(requests.find("key-5e1f", blob) == std::string::npos);
}

TEST_CASE("a redirected POST is not sent elsewhere", "[client]") {
  ArtifactoryDouble server;
  Client client(server.options());
  HttpRequest request = client.request(server.url("redirect-same/model.pkl"));
  request.post_json = "{}";
  CHECK(client.failure(request).code() == Errc::refused);
}

TEST_CASE("a failure of whoever takes the body ends the request and passes through", "[client]") {
  ArtifactoryDouble server;
  const SourceOptions options = server.options();
  const auto client = make_curl_client(options, {}, {});
  HttpRequest request;
  request.url = *Url::parse(server.url("models/good.pkl"));
  CHECK_THROWS_AS(client->send(request, [](const HttpReply&, std::span<const std::byte>) { throw std::bad_alloc(); }), std::bad_alloc);
  CHECK(get_text(*client, request).size() > 28);  // and the next one is not hurt
}

TEST_CASE("a proxy is used when it is named, except where it is not wanted", "[client]") {
  ArtifactoryDouble server;
  SourceOptions options = server.options();
  options.proxy = "http://" + server.other_host();
  Client through(options);
  // The double's second server answers to anything: what comes back is not what the first would send.
  CHECK(through.get(server.url("models/evil.pkl")).body.size() > 28);
  options.no_proxy = "example.org, 127.0.0.1";
  Client direct(options);
  CHECK(direct.get(server.url("models/evil.pkl")).body.size() == 28);
  // Behind a proxy names are all there is to go by.
  options.no_proxy = "";
  Client inside(options);
  for (const char* url : {"https://localhost/x", "https://printer/x", "https://metadata.google.internal/x", "https://127.0.0.1/x"}) {
    CAPTURE(url);
    CHECK(inside.failure(url).code() == Errc::refused);
  }
}
