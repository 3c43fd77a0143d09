#include "detect/code_text/shell.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "detect/code_text/words.hpp"
#include "detect/paths/unicode.hpp"

namespace modelaudit::detect {

namespace {

constexpr auto npos = std::string_view::npos;

constexpr std::array<std::string_view, 6> k_fetchers{"curl", "wget", "aria2c", "fetch", "lwp-download", "lynx"};
constexpr std::array<std::string_view, 16> k_interpreters{"sh",      "bash",   "zsh",  "dash", "ksh",  "ash",  "fish", "python",
                                                          "python2", "python3", "perl", "ruby", "node", "php", "pwsh", "osascript"};

CodeMatch match_of(CodeKind kind, std::string_view line, std::size_t at) { return {kind, at, extract_at(line, at)}; }

/// A command position: the start of the line or after something that begins a new command.
bool is_command_start(std::string_view line, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_blank(line[before - 1])) --before;
  if (before == 0) return true;
  const char c = line[before - 1];
  if (std::string_view(";|&(`'\"{=").find(c) != npos) return true;
  if (before == at) return c == '/';  // /usr/bin/curl
  const std::string_view head = line.substr(0, before);
  for (const std::string_view word : {"sudo", "then", "do", "exec", "-c", "/c", "nohup", "env", "time", "else"}) {
    if (head.ends_with(word)) return true;
  }
  return false;
}

/// The first word after `at`, blanks, `sudo` and folders of the program skipped.
std::string_view command_after(std::string_view line, std::size_t at) {
  for (int words = 0; words < 4; ++words) {
    while (at < line.size() && is_blank(line[at])) ++at;
    std::size_t end = at;
    while (end < line.size() && (is_word_char(line[end]) || line[end] == '/' || line[end] == '.' || line[end] == '-')) ++end;
    std::string_view word = line.substr(at, end - at);
    if (const std::size_t slash = word.rfind('/'); slash != npos) word = word.substr(slash + 1);
    at = end;
    if (word != "sudo" && word != "env" && word != "nohup" && !word.starts_with('-')) return word;
  }
  return {};
}

bool is_interpreter(std::string_view word) {
  while (!word.empty() && (word.back() == '.' || (word.back() >= '0' && word.back() <= '9' && word.starts_with("python3.")))) word.remove_suffix(1);
  return std::find(k_interpreters.begin(), k_interpreters.end(), word) != k_interpreters.end();
}

/// Is what starts at `from` piped into an interpreter before the chain ends?
bool is_piped_to_interpreter(std::string_view line, std::size_t from) {
  for (std::size_t pipe = line.find('|', from); pipe != npos; pipe = line.find('|', pipe + 1)) {
    if (pipe + 1 < line.size() && line[pipe + 1] == '|') {
      ++pipe;
      continue;
    }
    if (is_interpreter(command_after(line, pipe + 1))) return true;
  }
  return false;
}

/// `sh -c "$(`, `bash <(`, `eval "$(`, `source <(` directly before `at`.
bool is_substituted_into_interpreter(std::string_view line, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_blank(line[before - 1])) --before;
  const bool substitution = before >= 2 && line[before - 1] == '(' && (line[before - 2] == '$' || line[before - 2] == '<');
  const bool backtick = before >= 1 && line[before - 1] == '`';
  if (!substitution && !backtick) return false;
  const std::string_view head = line.substr(0, before);
  for (const std::string_view word : k_interpreters) {
    if (find_word(head, word) != npos) return true;
  }
  return find_word(head, "eval") != npos || find_word(head, "source") != npos || head.starts_with(". ");
}

/// `wget -O /tmp/x …; chmod +x /tmp/x; /tmp/x` and `curl -o x … && sh x`.
bool is_saved_and_run(std::string_view line, std::size_t from) {
  const std::string_view rest = line.substr(from);
  const std::size_t next = rest.find_first_of(";&\n");
  if (next == npos) return false;
  const std::string_view after = rest.substr(next);
  if (after.find("chmod +x") != npos || after.find("chmod 7") != npos || after.find("chmod a+x") != npos) return true;
  for (std::size_t at = 0; at < after.size(); ++at) {
    if (after[at] != ';' && after[at] != '&' && after[at] != '\n') continue;
    const std::string_view word = command_after(after, at + 1);
    if (word != "python" && word != "python3" && is_interpreter(word)) return true;
  }
  return false;
}

std::optional<CodeMatch> find_fetch(std::string_view line) {
  for (const std::string_view fetcher : k_fetchers) {
    for (std::size_t at = find_word(line, fetcher); at != npos; at = find_word(line, fetcher, at + 1)) {
      if (at + fetcher.size() >= line.size() || !is_blank(line[at + fetcher.size()])) continue;
      if (is_substituted_into_interpreter(line, at)) return match_of(CodeKind::shell_fetch, line, at);
      if (!is_command_start(line, at)) continue;
      if (is_piped_to_interpreter(line, at) || is_saved_and_run(line, at)) return match_of(CodeKind::shell_fetch, line, at);
    }
  }
  return std::nullopt;
}

std::optional<CodeMatch> find_decode(std::string_view line) {
  for (const std::string_view tool : {"base64 -d", "base64 --decode", "base64 -D", "xxd -r", "openssl enc -d", "openssl base64 -d"}) {
    for (std::size_t at = line.find(tool); at != npos; at = line.find(tool, at + 1)) {
      if (at > 0 && is_word_char(line[at - 1])) continue;
      if (is_piped_to_interpreter(line, at)) return match_of(CodeKind::shell_decode, line, at);
      const std::size_t open = line.substr(0, at).find("$(");
      if (open != npos && is_substituted_into_interpreter(line, open + 2)) return match_of(CodeKind::shell_decode, line, at);
    }
  }
  return std::nullopt;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<CodeMatch> find_reverse_shell(std::string_view line) {
  for (const std::string_view device : {"/dev/tcp/", "/dev/udp/"}) {
    const std::size_t at = line.find(device);
    if (at == npos) continue;
    const std::string_view rest = line.substr(at + device.size());
    const std::size_t slash = rest.find('/');
    const bool has_port = slash != npos && slash + 1 < rest.size() && (is_digit(rest[slash + 1]) || rest[slash + 1] == '$');
    const bool redirected = line.find_first_of("<>") != npos;
    if (has_port && redirected) return match_of(CodeKind::reverse_shell, line, at);
  }
  for (const std::string_view tool : {"nc", "ncat", "netcat"}) {
    const std::size_t at = find_word(line, tool);
    if (at == npos || at + tool.size() >= line.size() || !is_blank(line[at + tool.size()])) continue;
    const std::string_view rest = line.substr(at);
    for (const std::string_view flag : {" -e ", " -c ", " --exec ", " -ne ", " -lvpe ", " -lpe ", " --sh-exec "}) {
      const std::size_t option = rest.find(flag);
      if (option == npos) continue;
      const std::string_view program = rest.substr(option + flag.size());
      if (program.find("sh") != npos || program.find("cmd") != npos || program.find("powershell") != npos) {
        return match_of(CodeKind::reverse_shell, line, at);
      }
    }
    if (line.find("mkfifo") != npos && line.find('|') != npos) return match_of(CodeKind::reverse_shell, line, at);
  }
  if (const std::size_t at = find_word(line, "socat"); at != npos) {
    const std::string lower = ascii_lower(line.substr(at));
    if (lower.find("exec:") != npos && lower.find("tcp") != npos) return match_of(CodeKind::reverse_shell, line, at);
  }
  for (const std::string_view tool : {"python -c", "python3 -c", "perl -e", "ruby -rsocket", "php -r"}) {
    const std::size_t at = line.find(tool);
    if (at == npos) continue;
    const std::string lower = ascii_lower(line.substr(at));
    if (lower.find("socket") != npos || lower.find("fsockopen") != npos) return match_of(CodeKind::reverse_shell, line, at);
  }
  return std::nullopt;
}

std::optional<CodeMatch> find_destruction(std::string_view line) {
  for (const std::string_view command : {"rm -rf /", "rm -fr /", "rm -rf ~", "rm -rf --no-preserve-root", "rm -rf $HOME"}) {
    const std::size_t at = line.find(command);
    if (at == npos || (at > 0 && is_word_char(line[at - 1])) || !is_command_start(line, at)) continue;
    const std::size_t end = at + command.size();
    const bool whole = end >= line.size() || std::string_view(" *;'\"&|)/`").find(line[end]) != npos || !command.ends_with('/');
    if (whole) return match_of(CodeKind::shell_destroy, line, at);
  }
  return std::nullopt;
}

/// `powershell -enc …`, download cradles, and the Windows tools that fetch and run (LOLBAS).
std::optional<CodeMatch> find_windows_chain(std::string_view line) {
  const std::string lower = ascii_lower(line);
  const std::string_view low = lower;
  const auto has = [&](std::string_view part) { return low.find(part) != npos; };
  for (const std::string_view shell : {"powershell", "pwsh"}) {
    const std::size_t at = low.find(shell);
    if (at == npos || (at > 0 && is_word_char(low[at - 1]))) continue;
    const std::string_view rest = low.substr(at);
    for (const std::string_view flag : {" -enc ", " -e ", " -ec ", " -encodedcommand ", " /enc ", " -en ", " -enco "}) {
      const std::size_t option = rest.find(flag);
      if (option == npos) continue;
      const std::string_view value = rest.substr(option + flag.size());
      const std::size_t length = std::min(value.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+/="), value.size());
      if (length >= 8) return match_of(CodeKind::powershell, line, at);
    }
    const bool hidden = rest.find("-w hidden") != npos || rest.find("-windowstyle hidden") != npos || rest.find("-nop") != npos;
    if (hidden && (rest.find(" -c") != npos || rest.find("iex") != npos || rest.find("http") != npos)) return match_of(CodeKind::powershell, line, at);
  }
  const bool runs = find_word(low, "iex") != npos || has("invoke-expression");
  const bool fetches = has("downloadstring") || has("downloadfile(") || has("downloaddata") || has("invoke-webrequest") ||
                       has("invoke-restmethod") || find_word(low, "iwr") != npos || find_word(low, "irm") != npos || has("frombase64string");
  if (runs && fetches && (has("(") || has("|"))) return match_of(CodeKind::powershell, line, 0);
  struct Tool {
    std::string_view name;
    std::string_view argument;
  };
  for (const Tool& tool : {Tool{"certutil", "-urlcache"}, Tool{"certutil", "/urlcache"}, Tool{"bitsadmin", "/transfer"},
                           Tool{"mshta", "http"}, Tool{"mshta", "javascript:"}, Tool{"regsvr32", "/i:http"}, Tool{"rundll32", "javascript:"}}) {
    const std::size_t at = find_word(low, tool.name);
    if (at != npos && low.find(tool.argument, at) != npos) return match_of(CodeKind::shell_fetch, line, at);
  }
  return std::nullopt;
}

}  // namespace

std::optional<CodeMatch> find_shell_chain(std::string_view line) {
  if (auto match = find_reverse_shell(line)) return match;
  if (auto match = find_fetch(line)) return match;
  if (auto match = find_decode(line)) return match;
  if (auto match = find_windows_chain(line)) return match;
  return find_destruction(line);
}

}  // namespace modelaudit::detect
