#include <array>
#include <string>
#include <string_view>

#include "detect/executables.hpp"
#include "detect/executables/report.hpp"
#include "detect/executables/script_names.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::formats {

namespace {

using detect::ExecutableKind;

constexpr std::array<std::string_view, 22> k_program_names{
    ".exe", ".dll",  ".so",   ".so.0", ".so.1", ".so.2", ".so.3", ".so.4", ".so.5", ".so.6", ".so.7",
    ".so.8", ".so.9", ".dylib", ".pyd", ".scr",  ".com",  ".sys",  ".elf",  ".node", ".bundle", ".o"};

template <std::size_t N>
bool ends_with_any(const Probe& probe, const std::array<std::string_view, N>& suffixes) {
  for (const std::string_view suffix : suffixes) {
    if (probe.name_ends_with(suffix)) return true;
  }
  return false;
}

/// The extension that goes with a kind of program: found under it, the file at least says what it is.
bool is_named_so(const Probe& probe, ExecutableKind kind) {
  switch (kind) {
    case ExecutableKind::java_class: return probe.name_ends_with(".class");
    case ExecutableKind::dex: return probe.name_ends_with(".dex");
    case ExecutableKind::wasm: return probe.name_ends_with(".wasm");
    case ExecutableKind::lnk: return probe.name_ends_with(".lnk");
    case ExecutableKind::pyc: return probe.name_ends_with(".pyc") || probe.name_ends_with(".pyo");
    case ExecutableKind::gpu_binary: return true;
    default: return ends_with_any(probe, k_program_names);
  }
}

/// Actually Portable Executables that carry a model: a format of their own (llamafile), not a stray program.
bool is_llamafile(const Probe& probe) {
  return probe.head().starts_with("MZqFpD") && probe.name_ends_with(".llamafile");
}

std::optional<ExecutableKind> program_in(const Probe& probe) {
  const ByteView head = probe.head();
  if (head.size() < 2 || is_llamafile(probe)) return std::nullopt;
  const bool may_be_stub = head[0] == 'M' && head[1] == 'Z';
  return detect::identify_executable(head, true, may_be_stub && ends_with_any(probe, k_program_names));
}

bool is_judged_elsewhere(const Probe& probe) {
  for (const std::string_view name : {".py", ".pyw", ".pth", ".jinja", ".jinja2", ".j2", ".ipynb"}) {
    if (probe.name_ends_with(name)) return true;
  }
  return !probe.role().empty();
}

bool has_script_name(const Probe& probe) {
  for (const detect::ScriptName& entry : detect::k_script_names) {
    if (probe.name_ends_with(entry.extension)) return true;
  }
  return false;
}

/// Could these bytes start a text at all? Spares binary files the questions about their name.
bool may_be_text(ByteView head) {
  for (std::uint64_t i = 0; i < head.size() && i < 16; ++i) {
    if (head[i] < 9) return false;
  }
  return !head.empty();
}

std::optional<detect::ScriptJudgement> script_in(const Probe& probe) {
  if (!may_be_text(probe.head()) || is_judged_elsewhere(probe)) return std::nullopt;
  return detect::identify_script(probe.head(), has_script_name(probe));
}

/// Programs and scripts: recognised by their content, judged by where they stand.
class ExecutableScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override { return info_; }

  Match match(const Probe& probe) const override {
    return program_in(probe) || script_in(probe) ? Match::strong : Match::no;
  }

  void scan(ScanContext& context) const override {
    const Probe& probe = context.probe();
    if (const auto kind = program_in(probe)) {
      context.report(detect::program_finding(*kind, 0, is_named_so(probe, *kind)));
    } else if (const auto script = script_in(probe)) {
      context.report(detect::script_finding(*script, 0));
    }
    const auto input = context.stream();
    std::uint64_t size = 0;
    while (const std::uint64_t step = input->advance(std::uint64_t{1} << 30)) size += step;
    context.cover(0, size);
  }

 private:
  ScannerInfo info_{.id = "executable",
                    .version = 1,
                    .description = "programs, bytecode and scripts",
                    .extensions = {".exe", ".dll", ".so", ".dylib", ".wasm", ".class", ".pyc", ".sh", ".bat", ".ps1"},
                    .forward_only = true};
};

}  // namespace

const Scanner& executable() {
  static const ExecutableScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
