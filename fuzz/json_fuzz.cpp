// The pull reader of JSON: what every format with a JSON header goes through.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "modelaudit/bytes.hpp"
#include "modelaudit/error.hpp"
#include "wire/json/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelaudit;
  const ByteView input(std::as_bytes(std::span(data, size)));
  try {
    wire::json::Reader reader(input);
    std::uint64_t last = 0;
    while (reader.next() != wire::json::Event::end) {
      if (reader.token_offset() < last || reader.token_offset() >= size) std::abort();
      last = reader.token_offset();
    }
  } catch (const Malformed& error) {
    if (error.failure().offset > size) std::abort();
  }
  return 0;
}
