#include "report/style.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "modelaudit/report.hpp"

namespace modelaudit::report {

namespace {

// Bytes of one untrusted value that are shown; the JSON report has the whole.
constexpr std::size_t k_value_shown = 300;

/// Characters, not bytes: what a terminal advances by for most scripts. Our own colour sequences take no room.
std::size_t columns(std::string_view text) {
  std::size_t n = 0;
  bool in_colour = false;
  for (const char c : text) {
    if (c == '\x1b') in_colour = true;
    if (!in_colour && (static_cast<unsigned char>(c) & 0xC0) != 0x80) ++n;
    if (c == 'm') in_colour = false;
  }
  return n;
}

const char* escape_code(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::red:
      return "\x1b[1;31m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::magenta:
      return "\x1b[35m";
  }
  return "";
}

}  // namespace

std::string Page::painted(std::string_view text, Colour colour) const {
  if (!colour_ || colour == Colour::none) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_code(colour), text);
}

void Page::wrapped(std::string_view lead, std::string_view text) {
  const std::size_t indent = columns(lead);
  std::size_t column = indent;
  text_ += lead;
  bool first = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.empty()) continue;
    const std::size_t length = columns(word);
    if (!first && column + 1 + length > width_) {
      text_ += '\n';
      text_.append(indent, ' ');
      column = indent;
      first = true;
    }
    if (!first) text_ += ' ';
    text_ += word;
    column += length + (first ? 0 : 1);
    first = false;
  }
  text_ += '\n';
}

Colour colour_of(Severity severity) noexcept {
  switch (severity) {
    case Severity::critical:
      return Colour::red;
    case Severity::warning:
      return Colour::yellow;
    case Severity::info:
      return Colour::none;
    case Severity::debug:
      return Colour::dim;
  }
  return Colour::none;
}

Colour colour_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::clean:
      return Colour::green;
    case Verdict::suspicious:
      return Colour::yellow;
    case Verdict::malicious:
      return Colour::red;
    case Verdict::inconclusive:
      return Colour::magenta;
  }
  return Colour::none;
}

std::string counted(std::uint64_t n, std::string_view noun) {
  if (n == 1) return fmt::format("1 {}", noun);
  // "miss" is the one noun of the reports that takes -es.
  return fmt::format("{} {}{}", n, noun, noun.ends_with('s') ? "es" : "s");
}

std::string amount(std::uint64_t bytes) {
  if (bytes < 1024) return counted(bytes, "byte");
  static constexpr const char* k_units[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(k_units)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, k_units[unit]);
}

std::string time_text(std::uint64_t microseconds) {
  const double ms = static_cast<double>(microseconds) / 1000;
  if (ms < 10) return fmt::format("{:.1f} ms", ms);
  if (ms < 1000) return fmt::format("{:.0f} ms", ms);
  return fmt::format("{:.1f} s", ms / 1000);
}

std::string shown(std::string_view untrusted) {
  if (untrusted.size() <= k_value_shown) return escape_for_terminal(untrusted);
  std::string_view head = untrusted.substr(0, k_value_shown);
  // Not through the middle of a character.
  for (int i = 0; i < 3 && (static_cast<unsigned char>(untrusted[head.size()]) & 0xC0) == 0x80; ++i) {
    head.remove_suffix(1);
  }
  return fmt::format("{}... ({})", escape_for_terminal(head), amount(untrusted.size()));
}

}  // namespace modelaudit::report
