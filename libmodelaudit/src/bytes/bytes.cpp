#include "modelaudit/bytes.hpp"

#include <algorithm>
#include <cstring>

namespace modelaudit {

std::optional<std::uint64_t> ByteView::find(std::string_view literal, std::uint64_t from) const noexcept {
  if (from > size()) return std::nullopt;
  if (literal.empty()) return from;
  const auto* start = bytes_.data() + from;
  const void* hit = memmem(start, bytes_.size() - from, literal.data(), literal.size());
  if (hit == nullptr) return std::nullopt;
  return from + static_cast<std::uint64_t>(static_cast<const std::byte*>(hit) - start);
}

bool ByteView::all(std::uint8_t b) const noexcept {
  const auto value = static_cast<std::byte>(b);
  return std::all_of(bytes_.begin(), bytes_.end(), [value](std::byte x) { return x == value; });
}

void ByteReader::expect_magic(std::string_view magic) {
  const std::uint64_t at = offset();
  if (take(magic.size()).text() != magic) throw_malformed(Errc::malformed, at, "magic bytes are not those of the format");
}

void ByteReader::expect_end() const {
  if (!at_end()) throw_malformed(Errc::malformed, offset(), "bytes left after the last field");
}

}  // namespace modelaudit
