#include "cache/host_id.hpp"

#include <fcntl.h>
#include <sys/utsname.h>

#include "cache/posix.hpp"
#include "io/sha256.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::cache {
namespace {

constexpr std::uint64_t k_most = 256;

Digest make() {
  io::FieldHasher hash("modelaudit host 1");
  const auto machine = read_small_file(AT_FDCWD, "/etc/machine-id", k_most);
  hash.text(machine ? ByteView(std::span(*machine)).text() : std::string_view{});
  utsname names{};
  hash.text(uname(&names) == 0 ? names.nodename : "");
  return hash.finish();
}

}  // namespace

const Digest& host_id() {
  static const Digest id = make();
  return id;
}

}  // namespace modelaudit::cache
