#include <string>

#include "detect/templates.hpp"
#include "detect/templates/interpreter.hpp"
#include "detect/templates/lookups.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect {

namespace {

constexpr std::size_t k_longest_template = std::size_t{4} << 20;

constexpr bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// A tag that does not parse is still looked at for names that no template needs.
void sweep_tag(std::string_view tag, std::size_t offset, TemplateJudgement& out) {
  for (std::size_t at = 0; at < tag.size(); ++at) {
    if (!is_name_char(tag[at])) continue;
    std::size_t end = at;
    while (end < tag.size() && is_name_char(tag[end])) ++end;
    const std::string_view word = tag.substr(at, end - at);
    if (jinja::is_internal_name(word)) {
      Location where;
      where.offset = offset + at;
      out.findings.emplace_back(rules::ssti_dunder, "Template names the Python objects behind it in a tag that cannot be read", where,
                                Details{{"name", std::string(word)}});
      return;
    }
    at = end;
  }
}

}  // namespace

bool has_template_syntax(std::string_view text) noexcept {
  return text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos;
}

TemplateJudgement judge_template(std::string_view text) {
  TemplateJudgement out;
  if (text.size() > k_longest_template) {
    Gap gap;
    gap.kind = GapKind::limit;
    gap.what = "template: longer than 4 MiB; judged to there";
    gap.where.offset = k_longest_template;
    out.gaps.push_back(std::move(gap));
    text = text.substr(0, k_longest_template);
  }
  const jinja::Template tree = jinja::parse(text);
  jinja::Interpreter(text, out).run(tree);
  constexpr std::size_t k_listed = 8;
  for (std::size_t i = 0; i < tree.damaged.size(); ++i) {
    sweep_tag(tree.unread[i], tree.damaged[i], out);
    if (i >= k_listed) continue;
    Gap gap;
    gap.kind = GapKind::unsupported;
    gap.what = "template: a tag that cannot be read as Jinja";
    gap.where.offset = tree.damaged[i];
    out.gaps.push_back(std::move(gap));
  }
  return out;
}

}  // namespace modelaudit::detect
