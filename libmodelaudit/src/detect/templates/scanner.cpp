#include <array>
#include <string_view>

#include "detect/templates.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::formats {

namespace {

constexpr std::string_view k_role = "chat-template";
constexpr std::uint64_t k_longest = std::uint64_t{4} << 20;

/// Go's text/template shares the braces: Ollama, Helm.
bool is_go_template(std::string_view text) {
  for (const std::string_view mark : {"{{ .", "{{.", "{{- .", "{{ if ", "{{- if ", "{{ range ", "{{- range ", "{{ end }}", "{{- end }}", "{{end}}"}) {
    if (text.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

/// Jinja templates: a chat template that some format carries, or a file of its own.
class ChatTemplateScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override { return info_; }

  Match match(const Probe& probe) const override {
    if (probe.role() == k_role) return Match::strong;
    const std::string_view head = probe.head().text();
    if (head.find('\0') != std::string_view::npos || !detect::has_template_syntax(head)) return Match::no;
    for (const std::string_view name : {".jinja", ".jinja2", ".j2"}) {
      if (probe.name_ends_with(name)) return Match::strong;
    }
    return probe.name_ends_with(".template") && !is_go_template(head) ? Match::strong : Match::no;
  }

  void scan(ScanContext& context) const override {
    const std::uint64_t size = context.size();
    const ByteView bytes = context.bytes(0, size);
    detect::TemplateJudgement judgement = detect::judge_template(bytes.text());
    for (Finding& finding : judgement.findings) context.report(std::move(finding));
    for (Gap& gap : judgement.gaps) context.inconclusive(gap.kind, std::move(gap.what), std::move(gap.where));
    context.cover(0, size < k_longest ? size : k_longest);
  }

 private:
  ScannerInfo info_{.id = "chat-template",
                    .version = 1,
                    .description = "Jinja templates",
                    .extensions = {".jinja", ".jinja2", ".j2", ".template"}};
};

}  // namespace

const Scanner& chat_template() {
  static const ChatTemplateScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
