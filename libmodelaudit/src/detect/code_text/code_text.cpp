#include "detect/code_text.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "detect/code_text/shell.hpp"
#include "detect/code_text/words.hpp"
#include "detect/paths/unicode.hpp"

namespace modelaudit::detect {

namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t k_longest_text = 1 << 20;
constexpr std::size_t k_longest_value = 64 << 10;  // longer strings are documents: vocabularies, dumps, licences

/// Calls that run code or start a process. Bare names need an argument that is more than a word: `eval(test)` is a tag.
constexpr std::array<std::string_view, 5> k_bare_calls{"eval", "exec", "compile", "execfile", "__import__"};
constexpr std::array<std::string_view, 40> k_dotted_calls{
    "os.system",          "os.popen",         "os.execl",          "os.execle",         "os.execlp",       "os.execv",
    "os.execve",          "os.execvp",        "os.spawnl",         "os.spawnv",         "os.posix_spawn",  "os.startfile",
    "posix.system",       "nt.system",        "subprocess.run",    "subprocess.Popen",  "subprocess.call", "subprocess.check_call",
    "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput", "pty.spawn", "runpy.run_path",
    "runpy.run_module",   "pickle.loads",     "marshal.loads",     "importlib.import_module", "ctypes.CDLL", "ctypes.cdll.LoadLibrary",
    "builtins.exec",      "builtins.eval",    "__builtins__.eval", "__builtins__.exec", "shutil.rmtree",   "socket.socket",
    "urllib.request.urlopen", "webbrowser.open", "code.interact",  "types.FunctionType"};
/// Shapes that nobody writes about: flagged inside a sentence too.
constexpr std::array<std::string_view, 10> k_gadgets{
    "exec(base64", "exec(compile(", "eval(compile(", "exec(__import__(", "eval(__import__(", "getattr(__import__(",
    ".__class__.__bases__", ".__class__.__mro__", ".__class__.__base__.__subclasses__", ".__init__.__globals__"};

/// End of the argument list that opens at `open`, or npos. Strings are stepped over.
std::size_t closing_paren(std::string_view text, std::size_t open) {
  int depth = 0;
  char quote = 0;
  for (std::size_t at = open; at < text.size() && at - open < 4096; ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == '\\') ++at;
      else if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      if (--depth == 0) return at;
    }
  }
  return npos;
}

/// Does an expression or statement start at `at`, rather than a word of a sentence?
bool is_code_position(std::string_view line, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_blank(line[before - 1])) --before;
  if (before == 0) return true;
  const char c = line[before - 1];
  if (!is_word_char(c)) return c != '.' && c != '`' && c != '\'' && c != '"' && c != '-' && c != '/';
  std::size_t start = before;
  while (start > 0 && is_word_char(line[start - 1])) --start;
  const std::string_view word = line.substr(start, before - start);
  for (const std::string_view keyword : {"return", "lambda", "and", "or", "not", "in", "if", "else", "yield", "await", "print", "try"}) {
    if (word == keyword) return true;
  }
  return false;
}

bool is_bare_call(std::string_view name) { return std::find(k_bare_calls.begin(), k_bare_calls.end(), name) != k_bare_calls.end(); }

/// A call shape `name(argument)` that stands in code.
bool is_call_at(std::string_view text, std::size_t at, std::string_view name) {
  const std::size_t open = at + name.size();
  if (open >= text.size() || text[open] != '(' || !stands_alone(text, at, name)) return false;
  const std::size_t close = closing_paren(text, open);
  if (close == npos || close == open + 1) return false;
  const std::string_view argument = text.substr(open + 1, close - open - 1);
  if (argument == "..." || argument.find_first_not_of(" \t") == npos) return false;
  const bool is_expression = argument.find_first_of("'\"([+.") != npos;
  if (is_bare_call(name) && !is_expression) return false;
  const std::string_view line = line_at(text, at);
  const std::size_t column = column_of(text, at);
  if (!is_code_position(line, column) || reads_like_prose(line.substr(0, column))) return false;
  // `eval(x) is dangerous and should be avoided`: what follows the call on its line.
  const std::size_t line_end = std::min(text.find('\n', close), text.size());
  return !reads_like_prose(text.substr(close + 1, line_end - close - 1));
}

template <std::size_t N>
std::optional<CodeMatch> find_call(std::string_view text, const std::array<std::string_view, N>& names) {
  for (const std::string_view name : names) {
    for (std::size_t at = text.find(name); at != npos; at = text.find(name, at + 1)) {
      if (is_call_at(text, at, name)) return CodeMatch{CodeKind::python_call, at, extract_at(text, at)};
    }
  }
  return std::nullopt;
}

std::optional<CodeMatch> find_gadget(std::string_view text) {
  for (const std::string_view gadget : k_gadgets) {
    const std::size_t at = text.find(gadget);
    if (at != npos) return CodeMatch{CodeKind::python_call, at, extract_at(text, at)};
  }
  // __import__('os').system(…): an import by a literal whose attribute is called at once.
  for (std::size_t at = text.find("__import__("); at != npos; at = text.find("__import__(", at + 1)) {
    const std::size_t close = closing_paren(text, at + 10);
    if (close == npos || close + 1 >= text.size() || text[close + 1] != '.') continue;
    const std::size_t call = text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.", close + 1);
    if (call != npos && text[call] == '(') return CodeMatch{CodeKind::python_call, at, extract_at(text, at)};
  }
  return std::nullopt;
}

/// Active HTML with something to run.
std::optional<CodeMatch> find_script_tag(std::string_view text) {
  const std::string lower = ascii_lower(text);
  for (std::size_t at = lower.find("<script"); at != std::string::npos; at = lower.find("<script", at + 1)) {
    const std::size_t end = lower.find('>', at);
    if (end == std::string::npos) break;
    const bool loads = lower.substr(at, end - at).find("src=") != std::string::npos;
    const std::size_t close = lower.find("</script", end);
    const bool runs = close != std::string::npos && lower.substr(end, close - end).find('(') != std::string::npos;
    if (loads || runs) return CodeMatch{CodeKind::script_tag, at, extract_at(text, at)};
  }
  const std::size_t url = lower.find("javascript:");
  if (url != std::string::npos && (url == 0 || !is_word_char(lower[url - 1])) && lower.find('(', url) != std::string::npos &&
      !reads_like_prose(line_at(text, url))) {
    return CodeMatch{CodeKind::script_tag, url, extract_at(text, url)};
  }
  return std::nullopt;
}

std::optional<CodeMatch> find_chain(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    while (end < text.size() && end > at && text[end - 1] == '\\') end = std::min(text.find('\n', end + 1), text.size());
    if (auto match = find_shell_chain(text.substr(at, end - at))) {
      const bool talked_about = match->kind != CodeKind::reverse_shell && reads_like_prose(text.substr(at, match->offset));
      match->offset += at;
      if (!talked_about) return match;
    }
    at = end + 1;
  }
  return std::nullopt;
}

/// One cheap look that most strings end with: is there anything that any rule below could need?
bool may_hold_code(std::string_view text) {
  return text.find_first_of("(|<>$;\\/-") != npos;
}

}  // namespace

std::string_view to_string(CodeKind kind) noexcept {
  switch (kind) {
    case CodeKind::python_call: return "Python call";
    case CodeKind::shell_fetch: return "download and run";
    case CodeKind::shell_decode: return "decode and run";
    case CodeKind::shell_destroy: return "destructive command";
    case CodeKind::reverse_shell: return "shell over the network";
    case CodeKind::powershell: return "PowerShell command";
    case CodeKind::script_tag: return "active HTML";
  }
  return "code";
}

std::optional<CodeMatch> find_code(std::string_view text) {
  text = text.substr(0, k_longest_text);
  if (text.size() < 6 || !may_hold_code(text)) return std::nullopt;
  if (is_document(text)) {
    // A sentence may carry a payload that no sentence talks about; a long document may hold anything.
    const bool one_paragraph = text.size() <= 4096 && text.find('\n') == npos;
    return one_paragraph ? find_gadget(text) : std::nullopt;
  }
  if (text.size() > k_longest_value) return std::nullopt;
  if (auto match = find_gadget(text)) return match;
  if (auto match = find_call(text, k_dotted_calls)) return match;
  if (auto match = find_call(text, k_bare_calls)) return match;
  if (auto match = find_chain(text)) return match;
  return find_script_tag(text);
}

}  // namespace modelaudit::detect
