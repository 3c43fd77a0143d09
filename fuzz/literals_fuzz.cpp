// First byte: how the literal came about; the rest is the literal.
#include <cstddef>
#include <cstdint>
#include <span>

#include "detect/literals.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelaudit;
  if (size == 0) return 0;
  const detect::LiteralContext context{.is_text = (data[0] & 1) != 0, .is_argument = (data[0] & 2) != 0, .is_loaded = (data[0] & 4) != 0};
  const ByteView literal(std::as_bytes(std::span(data + 1, size - 1)));
  detect::LiteralDecoder decoder({.depth = 8, .decoded_bytes = std::uint64_t{4} << 20, .payloads = 16});
  const auto found = decoder.decode(literal, context);
  // The filter must not hide what the decoder finds.
  if (!found.empty() && !context.is_loaded && !detect::may_hide_payload(literal, context.is_text)) __builtin_trap();
  for (const auto& payload : found) {
    if (payload.encoding.empty() && payload.range.length > literal.size()) __builtin_trap();
  }
  return 0;
}
