#include "detect/executables/report.hpp"

#include <string>

#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect {

namespace {

const Rule& rule_for(const ScriptJudgement& script) {
  if (script.downloads_and_runs) return rules::script_download_run;
  switch (script.kind) {
    case ScriptKind::shell: return rules::script_shell;
    case ScriptKind::batch: return rules::script_batch;
    case ScriptKind::powershell: return rules::script_powershell;
    case ScriptKind::javascript:
    case ScriptKind::vbscript: return rules::script_javascript;
    case ScriptKind::shebang:
    case ScriptKind::python: return rules::script_shebang;
  }
  return rules::script_shebang;
}

}  // namespace

Finding program_finding(ExecutableKind kind, std::uint64_t offset, bool named_so) {
  const std::string what(to_string(kind));
  if (kind == ExecutableKind::gpu_binary) return {rule_for(kind), what + " in the file", ScanContext::at(offset)};
  Finding finding(rule_for(kind), offset == 0 ? what + " program or library" : what + " program or library inside other data",
                  ScanContext::at(offset), {{"kind", what}});
  if (named_so && kind != ExecutableKind::lnk) {
    finding.severity = Severity::warning;
  } else if (offset == 0) {
    finding.severity = Severity::critical;
    finding.message += " under a name that does not say so";
  }
  return finding;
}

Finding script_finding(const ScriptJudgement& script, std::uint64_t offset) {
  std::string message(to_string(script.kind));
  message[0] = static_cast<char>(message[0] >= 'a' && message[0] <= 'z' ? message[0] - 32 : message[0]);
  if (script.downloads_and_runs) message += " that fetches, decodes or connects and then runs";
  return {rule_for(script), std::move(message), ScanContext::at(offset), {{"extract", script.extract}}};
}

}  // namespace modelaudit::detect
