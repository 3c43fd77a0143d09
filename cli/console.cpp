#include "console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <modelaudit/report.hpp>
#include <string>

#include "command.hpp"

namespace modelaudit::cli {

void print(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written) throw UsageError(std::string("cannot write to standard output: ") + std::strerror(errno));
}

void complain(std::string_view message) {
  const std::string line = "modelaudit: " + escape_for_terminal(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}
bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return stdout_is_terminal() && !dumb && (no_colour == nullptr || *no_colour == '\0');
}

unsigned terminal_width() {
  constexpr unsigned k_readable = 120;  // longer lines are hard to follow
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col < k_readable ? size.ws_col : k_readable;
}

}  // namespace modelaudit::cli
