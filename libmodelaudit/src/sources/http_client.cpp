#include "sources/http_client.hpp"

#include "modelaudit/bytes.hpp"

namespace modelaudit::sources {

HttpClient::~HttpClient() = default;

std::optional<std::string_view> HttpReply::header(std::string_view name) const noexcept {
  for (const Header& header : headers) {
    if (header.name == name) return header.value;
  }
  return std::nullopt;
}

std::string get_text(HttpClient& client, const HttpRequest& request, HttpReply* reply) {
  std::string text;
  HttpReply got = client.send(request, [&](const HttpReply&, std::span<const std::byte> piece) { text += ByteView(piece).text(); });
  if (reply != nullptr) *reply = std::move(got);
  return text;
}

}  // namespace modelaudit::sources
