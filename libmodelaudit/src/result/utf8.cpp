#include "result/utf8.hpp"

namespace modelaudit::utf8 {

namespace {

std::uint8_t byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<std::uint8_t>(text[at]);
}

/// Length of the sequence that `lead` begins and the smallest character that may be written so (RFC 3629, section 4).
struct Form {
  std::size_t length;
  char32_t smallest;
  std::uint8_t mask;
};

Form form_of(std::uint8_t lead) noexcept {
  if (lead < 0x80) return {1, 0, 0x7F};
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0x1F};
  if (lead >= 0xE0 && lead <= 0xEF) return {3, 0x800, 0x0F};
  if (lead >= 0xF0 && lead <= 0xF4) return {4, 0x10000, 0x07};
  return {0, 0, 0};
}

}  // namespace

Decoded decode(std::string_view text, std::size_t at) noexcept {
  const std::uint8_t lead = byte_at(text, at);
  const Decoded invalid{lead, 1, false};
  const Form form = form_of(lead);
  if (form.length == 0 || form.length > text.size() - at) return invalid;
  char32_t point = lead & form.mask;
  for (std::size_t i = 1; i < form.length; ++i) {
    const std::uint8_t next = byte_at(text, at + i);
    if ((next & 0xC0) != 0x80) return invalid;
    point = (point << 6) | (next & 0x3Fu);
  }
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < form.smallest || surrogate || point > 0x10FFFF) return invalid;
  return {point, form.length, true};
}

bool is_valid(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const Decoded step = decode(text, at);
    if (!step.valid) return false;
    at += step.length;
  }
  return true;
}

}  // namespace modelaudit::utf8
