/// @file
/// Standard output and standard error.
#pragma once

#include <string_view>

namespace modelaudit::cli {

/// Writes to standard output. @throws UsageError when it cannot be written (a full disk): a report that was not
/// delivered is not a success.
void print(std::string_view text);

/// One line on standard error, after the program's name. Untrusted text in it is escaped.
void complain(std::string_view message);

bool stdout_is_terminal();
bool stderr_is_terminal();

/// Colour: standard output is a terminal that can, and NO_COLOR is not set (no-color.org).
bool wants_colour();

/// Columns of the terminal on standard output, or 80.
unsigned terminal_width();

}  // namespace modelaudit::cli
