#include "modelaudit/error.hpp"

namespace modelaudit {

Error::~Error() = default;

Malformed::Malformed(Failure failure) : std::runtime_error(failure.what), failure_(failure) {}
Malformed::~Malformed() = default;

void throw_malformed(Errc code, std::uint64_t offset, const char* what) { throw Malformed({code, offset, what}); }

const char* to_string(Errc code) noexcept {
  switch (code) {
    case Errc::truncated: return "truncated";
    case Errc::malformed: return "malformed";
    case Errc::unsupported: return "unsupported";
    case Errc::limit: return "limit";
    case Errc::not_found: return "not_found";
    case Errc::io_error: return "io_error";
    case Errc::changed: return "changed";
    case Errc::cancelled: return "cancelled";
    case Errc::timed_out: return "timed_out";
    case Errc::absent: return "absent";
    case Errc::refused: return "refused";
  }
  return "unknown";
}

}  // namespace modelaudit
