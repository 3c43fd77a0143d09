#include "progress_line.hpp"

#include <cstdio>
#include <modelaudit/report.hpp>
#include <string>

namespace modelaudit::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto k_patience = 500ms;  // a scan that is done sooner shows nothing on a terminal
constexpr auto k_terminal_interval = 100ms;
constexpr auto k_line_interval = 1s;
constexpr std::size_t k_path_shown = 48;  // so that the line fits 80 columns

}  // namespace

ProgressLine::ProgressLine(bool terminal, bool at_once)
    : terminal_(terminal), next_(Clock::now() + (at_once ? Clock::duration::zero() : k_patience)) {}

ProgressLine::~ProgressLine() {
  if (shown_ && terminal_) std::fputs("\r\x1b[K", stderr);
}

void ProgressLine::show(const Progress& progress) {
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? Clock::duration(k_terminal_interval) : Clock::duration(k_line_interval));
  const std::string_view path = progress.path;
  const bool cut = path.size() > k_path_shown;
  const std::string name = escape_for_terminal(cut ? path.substr(path.size() - k_path_shown) : path);
  const auto percent = progress.bytes_total == 0
                           ? 0u
                           : static_cast<unsigned>(100.0 * static_cast<double>(progress.bytes_done) /
                                                   static_cast<double>(progress.bytes_total));
  std::fprintf(stderr, "%s[%llu/%llu] %3u%% %s%s%s", terminal_ ? "\r\x1b[K" : "",
               static_cast<unsigned long long>(progress.files_done),
               static_cast<unsigned long long>(progress.files_total), percent, cut ? "..." : "", name.c_str(),
               terminal_ ? "" : "\n");
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace modelaudit::cli
