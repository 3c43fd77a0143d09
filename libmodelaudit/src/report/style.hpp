/// @file
/// How text for people looks: colours, wrapping, amounts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "modelaudit/scan_result.hpp"

namespace modelaudit::report {

enum class Colour : std::uint8_t { none, bold, dim, red, yellow, green, magenta };

/// Lines of a report. Everything that is added must have been escaped.
class Page {
 public:
  Page(bool colour, unsigned width) : colour_(colour), width_(width < k_narrowest ? k_narrowest : width) {}

  std::string painted(std::string_view text, Colour colour) const;
  void line(std::string_view text) { (text_ += text) += '\n'; }
  void blank() { text_ += '\n'; }
  /// `text` wrapped between words; the first line after `lead`, the others below its end.
  void wrapped(std::string_view lead, std::string_view text);

  std::string take() { return std::move(text_); }

 private:
  static constexpr unsigned k_narrowest = 40;

  std::string text_;
  bool colour_;
  unsigned width_;
};

Colour colour_of(Severity severity) noexcept;
Colour colour_of(Verdict verdict) noexcept;

/// "1 file", "3 files".
std::string counted(std::uint64_t n, std::string_view noun);
/// "45 bytes", "1.2 MB"; 1 MB is 1,024 KB.
std::string amount(std::uint64_t bytes);
/// "0.8 ms", "12 ms", "3.4 s".
std::string time_text(std::uint64_t microseconds);

/// Untrusted text, escaped and cut to a length that a person reads.
std::string shown(std::string_view untrusted);

}  // namespace modelaudit::report
