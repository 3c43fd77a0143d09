#include <algorithm>
#include <array>

#include "detect/paths/unicode.hpp"
#include "detect/templates/interpreter.hpp"
#include "detect/templates/lookups.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect::jinja {

namespace {

constexpr std::int64_t k_too_much = 10'000'000;  // repetitions, characters
constexpr std::size_t k_extract = 120;
constexpr auto npos = std::string_view::npos;

bool is_data(const Value& value) {
  return value.is(ValueKind::string) || value.is(ValueKind::list) || value.is(ValueKind::dict) || value.is_number();
}

std::size_t words_in(std::string_view text) {
  std::size_t words = 0;
  for (std::size_t at = 0; at < text.size();) {
    while (at < text.size() && !((text[at] | 0x20) >= 'a' && (text[at] | 0x20) <= 'z')) ++at;
    const std::size_t start = at;
    while (at < text.size() && (text[at] | 0x20) >= 'a' && (text[at] | 0x20) <= 'z') ++at;
    if (at > start) ++words;
  }
  return words;
}

/// Does the expression read what a user wrote: `messages[-1].content`?
bool reads_content(const Expr& expr) {
  if ((expr.kind == ExprKind::attribute && expr.text == "content") || (expr.kind == ExprKind::name && expr.text == "content")) return true;
  if (expr.kind == ExprKind::subscript && expr.kids.size() > 1 && expr.kids[1] && expr.kids[1]->kind == ExprKind::string && expr.kids[1]->text == "content") return true;
  return std::any_of(expr.kids.begin(), expr.kids.end(), [](const ExprPtr& kid) { return kid && reads_content(*kid); });
}

/// The phrase that a guard looks for in what a user wrote, if it does: two words or more.
const std::string* trigger_phrase(const Expr& guard) {
  if (guard.kind == ExprKind::binary && (guard.text == "in" || guard.text == "==") && guard.kids.size() == 2) {
    for (std::size_t i = 0; i < 2; ++i) {
      const Expr& literal = *guard.kids[i];
      if (literal.kind == ExprKind::string && words_in(literal.text) >= 2 && literal.text.find(' ') != npos && reads_content(*guard.kids[1 - i])) return &literal.text;
    }
  }
  for (const ExprPtr& kid : guard.kids) {
    if (const std::string* found = kid ? trigger_phrase(*kid) : nullptr) return found;
  }
  return nullptr;
}

/// Text that a branch prints when it is taken, literals only.
std::string printed_text(const Body& body) {
  std::string out;
  for (const Statement& statement : body) {
    if (statement.kind == StatementKind::text) out.append(statement.text);
    if (statement.kind != StatementKind::output || !statement.exprs[0]) continue;
    const Expr& expr = *statement.exprs[0];
    if (expr.kind == ExprKind::string) out.append(expr.text);
    for (const ExprPtr& kid : expr.kids) {
      if (kid && kid->kind == ExprKind::string && (expr.kind == ExprKind::binary || expr.kind == ExprKind::concat)) out.append(kid->text);
    }
  }
  return out;
}

/// A URL that the text ends in, ready to take a value: no blank or quote after its scheme, and a path or query begun.
bool ends_in_open_url(std::string_view text) {
  const std::size_t scheme = std::max(text.rfind("https://") == npos ? 0 : text.rfind("https://") + 1,
                                      text.rfind("http://") == npos ? 0 : text.rfind("http://") + 1);
  if (scheme == 0) return false;
  const std::string_view url = text.substr(scheme - 1);
  if (url.find_first_of(" \t\n\"'<>)|") != npos) return false;
  const std::string_view rest = url.substr(url.find("//") + 2);
  return rest.size() > 3 && (rest.find('?') != npos || rest.ends_with('/') || rest.ends_with('='));
}

}  // namespace

void Interpreter::report(const Rule& rule, Severity severity, std::string message, std::size_t offset, Details details) {
  if (!reported_.emplace(rule.id, offset).second || out_.findings.size() >= 200) return;
  Location where;
  where.offset = offset;
  const auto line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  where.line = static_cast<std::uint32_t>(line - line_starts_.begin());
  const std::string_view rest = source_.substr(std::min(offset, source_.size()));
  details.emplace_back("extract", std::string(rest.substr(0, std::min({k_extract, rest.find('\n'), rest.size()}))));
  out_.findings.emplace_back(rule, std::move(message), std::move(where), std::move(details));
  out_.findings.back().severity = severity;
}

void Interpreter::unfollowed(const char* what, std::size_t offset) {
  Gap gap;
  gap.kind = GapKind::limit;
  gap.what = what;
  gap.where.offset = offset;
  out_.gaps.push_back(std::move(gap));
}

void Interpreter::judge_size(std::int64_t size, std::size_t offset, std::string_view what) {
  if (size <= k_too_much) return;
  report(rules::jinja_dos, Severity::warning, "Template " + std::string(what) + " without measure", offset, {{"size", std::to_string(size)}});
}

void Interpreter::judge_key(const ValuePtr& base, std::string_view key, By by, std::size_t offset) {
  const Details details{{"name", std::string(key)}};
  if (is_internal_name(key)) {
    return report(rules::ssti_dunder, Severity::critical, "Template reaches into the Python objects behind it", offset, details);
  }
  const bool by_name = by != By::subscript;
  for (const ValuePtr& one : alternatives(base)) {
    if ((one->is(ValueKind::macro) || one->is(ValueKind::space)) && by_name && key.starts_with('_')) {
      report(rules::ssti_dunder, Severity::critical, "Template reaches into the objects of its engine", offset, details);
    }
    if (!one->is(ValueKind::builtin)) continue;
    const Access access = judge_builtin_access(one->text, key);
    if (access == Access::ordinary) continue;
    report(rules::ssti_globals, access == Access::hostile ? Severity::critical : Severity::warning,
           "Template reaches through an object that every template gets", offset, {{"object", one->text}, {"name", std::string(key)}});
  }
  if (by != By::attribute && (key == "format" || key == "format_map") &&
      std::any_of(base->items.begin(), base->items.end(), [](const ValuePtr& one) { return one->is(ValueKind::string); })) {
    report(rules::ssti_format, Severity::warning, "Template reaches str.format by a detour", offset, details);
  }
  if (by == By::filter && (key == "format" || key == "format_map")) {
    report(rules::ssti_format, Severity::warning, "Template reaches str.format by a detour", offset, details);
  }
}

void Interpreter::judge_access(const ValuePtr& base, const ValuePtr& key, By by, std::size_t offset) {
  for (const ValuePtr& one : alternatives(key)) {
    if (one->is(ValueKind::string)) {
      judge_key(base, one->text, by, offset);
      continue;
    }
    if (!one->is(ValueKind::unknown) || one->numeric) continue;
    // A key that nobody can tell, where no data is looked up but attributes of the object itself.
    bool on_object = by == By::filter;
    for (const ValuePtr& from : alternatives(base)) {
      if (from->is(ValueKind::builtin) && from->text != "loop") on_object = true;
      if (from->is(ValueKind::string) || (is_data(*from) && one->built)) on_object = true;
    }
    if (on_object) {
      report(rules::ssti_unresolved_key, Severity::warning, "Template looks up a name that it puts together in a way that cannot be followed", offset);
    }
  }
}

void Interpreter::judge_dotted_keys(const ValuePtr& base, const ValuePtr& key, std::size_t offset) {
  for (const ValuePtr& one : alternatives(key)) {
    if (!one->is(ValueKind::string)) {
      judge_access(base, one, By::filter, offset);
      continue;
    }
    // groupby('a.b'), sort(attribute='a,b.c')
    for (std::size_t at = 0; at <= one->text.size();) {
      const std::size_t end = std::min(one->text.find_first_of(".,", at), one->text.size());
      judge_key(base, std::string_view(one->text).substr(at, end - at), By::filter, offset);
      at = end + 1;
    }
  }
}

/// Replacement fields with attributes: `{0.__class__}` (Python, Format String Syntax).
void Interpreter::judge_format(std::string_view format, std::size_t offset) {
  for (std::size_t at = format.find('{'); at != npos; at = format.find('{', at + 1)) {
    const std::size_t end = std::min(format.find_first_of("}:!", at + 1), format.size());
    std::string_view field = format.substr(at + 1, end - at - 1);
    for (std::size_t from = field.find_first_of(".["); from != npos; from = field.find_first_of(".[", from + 1)) {
      const std::size_t stop = std::min(field.find_first_of(".[]", from + 1), field.size());
      const std::string_view name = field.substr(from + 1, stop - from - 1);
      if (is_internal_name(name)) {
        report(rules::ssti_format, Severity::critical, "Template reaches into Python objects by a format string", offset, {{"name", std::string(name)}});
      }
    }
  }
}

void Interpreter::judge_url(std::string_view before, const Value& next, std::size_t offset) {
  if (!has_input(next) || !ends_in_open_url(before)) return;
  report(rules::jinja_exfil_url, Severity::warning, "Template puts what users write into a URL", offset);
}

void Interpreter::judge_trigger(const Expr& guard, const Body& body) {
  const std::string* phrase = trigger_phrase(guard);
  if (!phrase) return;
  const std::string printed = printed_text(body);
  if (printed.size() < 20 || words_in(printed) < 4) return;
  report(rules::jinja_hidden_branch, Severity::warning, "Template adds text of its own when a user's message holds a certain phrase", guard.offset, {{"phrase", *phrase}});
}

void Interpreter::judge_literals(const Template& tree) {
  (void)tree;
  std::uint32_t previous = 0;
  for (std::size_t at = 0; at < source_.size();) {
    const CodePoint point = decode_utf8(source_, at);
    if (is_deceptive(point.value, previous)) {
      report(rules::jinja_invisible, Severity::warning, "Template holds invisible or direction-changing characters", at);
      return;
    }
    previous = point.value;
    at += point.length == 0 ? 1 : point.length;
  }
}

}  // namespace modelaudit::detect::jinja
