// First byte: codec; the rest is its input. Members are decoded as callers do: one after the other, bounded.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/codecs.hpp"
#include "modelaudit/error.hpp"

using modelaudit::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto codec = static_cast<modelaudit::io::Codec>(data[0] % 12);
  ByteView rest(std::as_bytes(std::span(data + 1, size - 1)));
  std::array<std::byte, 4099> buffer{};
  std::uint64_t left = std::uint64_t{1} << 22;
  try {
    while (!rest.empty()) {
      const auto decoder = modelaudit::io::make_decoder(codec, rest);
      while (const std::size_t got = decoder->read(buffer)) {
        if (got > left) return 0;
        left -= got;
      }
      if (!decoder->finished() || decoder->consumed() > rest.size()) __builtin_trap();
      if (decoder->consumed() == 0) return 0;
      rest = rest.from(decoder->consumed());
    }
  } catch (const modelaudit::Malformed&) {
    return 0;
  }
  return 0;
}
