#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "detect/code_text/shell.hpp"
#include "detect/code_text/words.hpp"
#include "detect/executables.hpp"
#include "detect/executables/script_names.hpp"
#include "detect/paths.hpp"
#include "detect/paths/unicode.hpp"

namespace modelaudit::detect {

namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t k_looked_at = 64 << 10;
constexpr std::size_t k_longest_shebang = 256;

/// No control bytes but white space in the first kilobyte.
bool is_text(std::string_view text) {
  const std::string_view start = text.substr(0, 1024);
  return !start.empty() && std::none_of(start.begin(), start.end(), [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\f') || byte == 0x7F;
  });
}

/// `#!` and the path of an interpreter in a printable first line (execve(2), Interpreter scripts).
std::optional<std::string_view> shebang_line(std::string_view text) {
  if (!text.starts_with("#!")) return std::nullopt;
  const std::size_t end = std::min(text.find('\n'), text.size());
  if (end > k_longest_shebang) return std::nullopt;
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t path = line.find_first_not_of(" \t", 2);
  if (path == npos || line[path] != '/' || path + 1 >= line.size()) return std::nullopt;
  const bool printable = std::all_of(line.begin(), line.end(), [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\t'; });
  return printable ? std::optional(line) : std::nullopt;
}

template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    while (end < text.size() && end > at && text[end - 1] == '\\') end = std::min(text.find('\n', end + 1), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (!line.empty() && !visit(line)) return;
  }
}

std::optional<CodeMatch> find_chain_in_script(std::string_view text) {
  std::optional<CodeMatch> found;
  for_each_line(text, [&](std::string_view line) {
    if (line.starts_with('#') || line.starts_with("REM ") || line.starts_with("rem ") || line.starts_with("::")) return true;
    found = find_shell_chain(line);
    return !found;
  });
  return found;
}

/// Windows Script Host and Node reach the system through these.
std::optional<ScriptKind> host_script_kind(std::string_view text) {
  for (const std::string_view word : {"ActiveXObject(\"", "ActiveXObject('", "require('child_process')", "require(\"child_process\")",
                                      "WScript.CreateObject("}) {
    if (text.find(word) != npos) return ScriptKind::javascript;
  }
  const std::string lower = ascii_lower(text.substr(0, k_looked_at));
  if (lower.find("createobject(\"wscript.shell\")") != std::string::npos) return ScriptKind::vbscript;
  return std::nullopt;
}

/// The language, from what an unnamed text starts with.
std::optional<ScriptKind> kind_by_first_lines(std::string_view text) {
  std::optional<ScriptKind> kind;
  int lines = 0;
  for_each_line(text, [&](std::string_view line) {
    const std::string low = ascii_lower(line.substr(0, 64));
    if (low.starts_with("@echo off") || low.starts_with("@powershell") || low.starts_with("setlocal ")) kind = ScriptKind::batch;
    if (low.starts_with("set -e") || low.starts_with("set -u") || low.starts_with("set -x")) kind = ScriptKind::shell;
    if (low.starts_with("param(") || low.starts_with("$erroractionpreference") || low.starts_with("add-type ")) kind = ScriptKind::powershell;
    return !kind && ++lines < 8;
  });
  return kind;
}

ScriptKind kind_of_chain(const CodeMatch& chain) {
  return chain.kind == CodeKind::powershell ? ScriptKind::powershell : ScriptKind::shell;
}

std::string first_line(std::string_view text) {
  std::string out;
  for_each_line(text, [&](std::string_view line) {
    out = extract_at(line, 0);
    return false;
  });
  return out;
}

}  // namespace

std::string_view to_string(ScriptKind kind) noexcept {
  switch (kind) {
    case ScriptKind::shebang: return "script";
    case ScriptKind::shell: return "shell script";
    case ScriptKind::batch: return "batch script";
    case ScriptKind::powershell: return "PowerShell script";
    case ScriptKind::javascript: return "JavaScript for a system host";
    case ScriptKind::vbscript: return "Visual Basic script";
    case ScriptKind::python: return "Python script";
  }
  return "script";
}

bool has_script_name(std::string_view name) { return script_kind_of_extension(lower_extension(name)).has_value(); }

std::optional<ScriptKind> script_kind_of_extension(std::string_view extension) {
  for (const ScriptName& entry : k_script_names) {
    if (entry.extension == extension) return entry.kind;
  }
  return std::nullopt;
}

std::optional<ScriptJudgement> identify_script(ByteView head, bool named_script) {
  std::string_view text = head.first(k_looked_at).text();
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (!is_text(text)) return std::nullopt;
  ScriptJudgement script;
  const auto interpreter = shebang_line(text);
  const bool documented = !interpreter && !named_script && is_document(text);
  if (documented) return std::nullopt;  // a readme shows commands; it is not one
  if (interpreter) {
    script.kind = interpreter->find("python") != npos ? ScriptKind::python : ScriptKind::shebang;
    script.extract = std::string(*interpreter);
  }
  // Structured text holds strings, not commands: its own format judges them.
  const bool structured = !interpreter && !named_script && (text.starts_with('{') || text.starts_with('[') || text.starts_with('<'));
  if (const auto chain = structured ? std::nullopt : find_chain_in_script(text)) {
    if (!interpreter) script.kind = kind_of_chain(*chain);
    script.downloads_and_runs = chain->kind != CodeKind::shell_destroy;
    script.extract = chain->extract;
    return script;
  }
  if (interpreter) return script;
  const auto kind = structured ? std::nullopt : kind_by_first_lines(text);
  const auto host = kind ? kind : host_script_kind(text);
  if (!host && !named_script) return std::nullopt;
  script.kind = host.value_or(ScriptKind::shell);
  script.extract = first_line(text);
  return script;
}

}  // namespace modelaudit::detect
