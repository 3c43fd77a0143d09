#include "sources/driver.hpp"

namespace modelaudit::sources {
namespace {

std::string meaning_of(unsigned status) {
  switch (status) {
    case 401: return "the server wants to know who asks";
    case 403: return "the server does not allow it";
    case 404: return "the server has no such thing; check the spelling";
    case 429: return "the server asks for patience; try again later";
    default: break;
  }
  if (status >= 500) return "the server has a problem of its own; try again later";
  return "the server refuses";
}

Errc code_of(unsigned status) {
  if (status == 401 || status == 403) return Errc::refused;
  return status == 404 ? Errc::not_found : Errc::io_error;
}

}  // namespace

Driver::~Driver() = default;
SourceOptions Driver::transport(const SourceOptions& given) const { return given; }

SourceFailure failure_of(const Driver& driver, const HttpRequest& request, const HttpReply& reply) {
  const std::string advice = driver.advice(request.url, reply.status);
  return SourceFailure(code_of(reply.status), meaning_of(reply.status) + " (HTTP " + std::to_string(reply.status) + ")" +
                                                  (advice.empty() ? "" : "; " + advice));
}

}  // namespace modelaudit::sources
