#include <string_view>

#include "detect/python_source/judge.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {

namespace {

bool is_text(std::string_view head) { return head.find('\0') == std::string_view::npos; }

/// A path configuration file of Python's site module: text, with a line that starts with "import" (docs: site). The
/// extension is PyTorch's too.
bool has_import_line(std::string_view text) {
  if (!is_text(text)) return false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with("import ") || line.starts_with("import\t")) return true;
    at += line.size() + 1;
  }
  return false;
}

/// Python source: modules, handlers, hooks, and the text of FX graph modules.
class PythonSourceScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override { return info_; }

  Match match(const Probe& probe) const override {
    if (probe.role() == "python-source" || probe.role() == "fx-graph-code") return Match::strong;
    if (!probe.role().empty() || probe.head().empty()) return Match::no;
    if (probe.name_ends_with(".py") || probe.name_ends_with(".pyw")) return is_text(probe.head().text()) ? Match::strong : Match::no;
    return is_path_file(probe) ? Match::strong : Match::no;
  }

  void scan(ScanContext& context) const override {
    const std::uint64_t size = context.size();
    const ByteView bytes = context.bytes(0, size);
    const Probe& probe = context.probe();
    const auto kind = probe.role() == "fx-graph-code" ? detect::PythonKind::fx_graph : detect::PythonKind::module;
    detect::PythonJudgement judgement = detect::judge_python(bytes.text(), kind);
    if (probe.role().empty() && is_path_file(probe)) {
      context.report(Finding(rules::python_path_file, "Path configuration file runs code whenever Python starts", ScanContext::at(0)));
    }
    for (Finding& finding : judgement.findings) {
      // Whoever installs a package runs its setup.py knowingly.
      if (probe.name_ends_with("setup.py") && finding.severity == Severity::critical && finding.rule != rules::python_obfuscated.id) finding.severity = Severity::warning;
      context.report(std::move(finding));
    }
    for (Gap& gap : judgement.gaps) context.inconclusive(gap.kind, std::move(gap.what), std::move(gap.where));
    context.cover(0, size);
  }

 private:
  static bool is_path_file(const Probe& probe) { return probe.name_ends_with(".pth") && has_import_line(probe.head().text()); }

  ScannerInfo info_{.id = "python-source", .version = 1, .description = "Python source", .extensions = {".py", ".pyw", ".pth"}};
};

}  // namespace

const Scanner& python_source() {
  static const PythonSourceScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
