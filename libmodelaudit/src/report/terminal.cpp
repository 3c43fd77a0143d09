#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "modelaudit/report.hpp"
#include "result/utf8.hpp"

namespace modelaudit {

namespace {

struct PointRange {
  char32_t first;
  char32_t last;
};

/// Characters that move the cursor, turn the reading direction, or cannot be seen (Unicode 15: categories Cc, Cf, Zl,
/// Zp, default-ignorable letters), sorted.
constexpr PointRange k_unsafe[] = {{0x0000, 0x001F}, {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x034F, 0x034F},
                                   {0x061C, 0x061C}, {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},
                                   {0x200B, 0x200F}, {0x2028, 0x202E},   {0x2060, 0x206F},   {0x3164, 0x3164},
                                   {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
                                   {0xFFFE, 0xFFFF}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};

bool is_unsafe(char32_t point) noexcept {
  const auto* hit = std::upper_bound(std::begin(k_unsafe), std::end(k_unsafe), point,
                                     [](char32_t value, const PointRange& range) { return value < range.first; });
  return hit != std::begin(k_unsafe) && point <= std::prev(hit)->last;
}

}  // namespace

std::string escape_for_terminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded step = utf8::decode(text, at);
    if (!step.valid) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(step.point));
    } else if (!is_unsafe(step.point)) {
      out.append(text, at, step.length);
    } else if (step.point < 0x80) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(step.point));
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{{{:x}}}", static_cast<unsigned>(step.point));
    }
    at += step.length;
  }
  return out;
}

}  // namespace modelaudit
