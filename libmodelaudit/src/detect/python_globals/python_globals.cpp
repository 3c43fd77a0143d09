#include "detect/python_globals.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "detect/python_globals/standard_library.hpp"
#include "detect/python_globals/tables.hpp"

namespace modelaudit::detect {
namespace {

using tables::AliasRow;
using tables::DangerousRow;
using Key = std::pair<std::string_view, std::string_view>;

// Real dotted names have two or three components; more than this many is nobody's class.
constexpr std::size_t k_most_components = 16;
// Python's own limit on nothing; no framework comes near it.
constexpr std::size_t k_longest_name = 512;

/// First row of a table sorted by (module, name) that has this key, or nullptr.
template <typename Row, std::size_t N>
const Row* find(const Row (&table)[N], std::string_view module, std::string_view name) {
  const Key key(module, name);
  const Row* row = std::lower_bound(std::begin(table), std::end(table), key,
                                    [](const Row& r, const Key& k) { return Key(r.module, r.name) < k; });
  return row != std::end(table) && row->module == module && row->name == name ? row : nullptr;
}

const AliasRow* find_alias(std::string_view component) {
  const AliasRow* row = std::lower_bound(std::begin(tables::k_aliases), std::end(tables::k_aliases), component,
                                         [](const AliasRow& r, std::string_view c) { return r.component < c; });
  return row != std::end(tables::k_aliases) && row->component == component ? row : nullptr;
}

/// The row for the whole of `module`, or of the closest package above it.
const DangerousRow* find_module_row(std::string_view module) {
  while (true) {
    if (const DangerousRow* row = find(tables::k_dangerous, module, "*")) return row;
    const std::size_t dot = module.rfind('.');
    if (dot == std::string_view::npos) return nullptr;
    module = module.substr(0, dot);
  }
}

bool is_scanner(const DangerousRow& row) { return std::string_view(row.why) == "tampers with a scanner"; }

GlobalJudgement from_row(const DangerousRow& row, GlobalReason reason) {
  GlobalJudgement out{row.kind, reason, std::string(row.module), std::string(row.name), row.why};
  if (is_scanner(row)) out.reason = GlobalReason::scanner_tamper;
  return out;
}

/// Of two judgements the worse; at equal kinds the first.
int rank(GlobalKind kind) {
  switch (kind) {
    case GlobalKind::critical: return 3;
    case GlobalKind::warning: return 2;
    case GlobalKind::unknown: return 1;
    case GlobalKind::safe: return 0;
  }
  return 1;
}

void keep_worse(GlobalJudgement& best, GlobalJudgement other) {
  if (rank(other.kind) > rank(best.kind)) best = std::move(other);
}

/// `module` and `name` as one dotted path, cut into components.
class Path {
 public:
  Path(std::string_view module, std::string_view name) : text_(module) {
    text_ += '.';
    text_ += name;
    module_components_ = 1 + static_cast<std::size_t>(std::count(module.begin(), module.end(), '.'));
    std::size_t start = 0;
    while (count_ < k_most_components) {
      const std::size_t dot = text_.find('.', start);
      starts_[count_] = start;
      ends_[count_] = dot == std::string::npos ? text_.size() : dot;
      ++count_;
      if (dot == std::string::npos) return;
      start = dot + 1;
    }
    too_long_ = true;
  }
  std::size_t count() const { return count_; }
  std::size_t name_begin() const { return std::min(module_components_, count_); }
  bool too_long() const { return too_long_; }
  std::string_view component(std::size_t i) const { return join(i, i + 1); }
  /// Components [from, to) with their dots; empty when there is none.
  std::string_view join(std::size_t from, std::size_t to) const {
    if (from >= to) return {};
    return std::string_view(text_).substr(starts_[from], ends_[to - 1] - starts_[from]);
  }

 private:
  std::string text_;
  std::array<std::size_t, k_most_components> starts_{};
  std::array<std::size_t, k_most_components> ends_{};
  std::size_t module_components_ = 1;
  std::size_t count_ = 0;
  bool too_long_ = false;
};

/// Where the boundary between module and name lies is the writer's choice: (torch, hub.load) is (torch.hub, load), and
/// an attribute of a listed object, (os, system.__call__), is that object.
void judge_other_boundaries(const Path& path, GlobalJudgement& best) {
  for (std::size_t end = path.count(); end > path.name_begin(); --end) {
    for (std::size_t cut = 1; cut < end; ++cut) {
      const DangerousRow* row = find(tables::k_dangerous, path.join(0, cut), path.join(cut, end));
      if (row != nullptr) keep_worse(best, from_row(*row, GlobalReason::resolved));
    }
  }
  // A submodule named within the name: (concurrent, interpreters.run).
  for (std::size_t end = path.count() - 1; end > path.name_begin(); --end) {
    const DangerousRow* row = find(tables::k_dangerous, path.join(0, end), "*");
    if (row != nullptr) keep_worse(best, from_row(*row, GlobalReason::resolved));
  }
}

/// A module that imports os has it as an attribute: (random, _os.system), (anything, os), (enum, bltns.eval).
void judge_foreign_modules(const Path& path, GlobalJudgement& best) {
  for (std::size_t i = path.name_begin(); i < path.count(); ++i) {
    const std::string_view component = path.component(i);
    if (const AliasRow* alias = find_alias(component)) {
      // No producer writes a module object, so reaching one is critical by itself.
      keep_worse(best, {GlobalKind::critical, GlobalReason::private_alias, std::string(alias->module),
                        std::string(path.join(i + 1, path.count())), "reaches a module through another module's namespace"});
      continue;
    }
    // Names such as code, select or signal are functions of many packages: what lies below them tells. A dotted name
    // that a producer writes begins with a class, so walking on from a module that comes first is a listed row as well.
    if (const DangerousRow* row = find(tables::k_dangerous, component, "*");
        row != nullptr && i == path.name_begin() && i + 1 < path.count()) {
      keep_worse(best, from_row(*row, GlobalReason::private_alias));
    }
    for (std::size_t end = path.count(); end > i + 1; --end) {
      const DangerousRow* row = find(tables::k_dangerous, component, path.join(i + 1, end));
      if (row != nullptr) keep_worse(best, from_row(*row, GlobalReason::private_alias));
    }
  }
}

/// Components that walk from any object to everything: __globals__, __subclasses__ …
void judge_components(const Path& path, GlobalJudgement& best) {
  for (std::size_t i = 0; i < path.count(); ++i) {
    if (const DangerousRow* row = find(tables::k_dangerous, "*", path.component(i))) {
      GlobalJudgement found = from_row(*row, GlobalReason::component);
      found.module = path.join(0, path.name_begin());
      found.name = path.join(path.name_begin(), path.count());
      keep_worse(best, std::move(found));
    }
  }
}

GlobalJudgement plain(GlobalKind kind, std::string_view module, std::string_view name) {
  return {kind, GlobalReason::none, std::string(module), std::string(name), {}};
}

/// One spelling, without translation. Page "pickle family", lookup order.
GlobalJudgement judge_spelling(std::string_view module, std::string_view name) {
  if (const DangerousRow* row = find(tables::k_dangerous, module, name)) return from_row(*row, GlobalReason::table);
  const bool is_safe = find(tables::k_safe, module, name) != nullptr;
  // For undotted safe rows resolution was tried when the tables were made: a test walks all of them.
  if (is_safe && name.find('.') == std::string_view::npos) return plain(GlobalKind::safe, module, name);

  GlobalJudgement best = plain(is_safe ? GlobalKind::safe : GlobalKind::unknown, module, name);
  const Path path(module, name);
  judge_other_boundaries(path, best);
  judge_foreign_modules(path, best);
  judge_components(path, best);
  if (path.too_long()) {
    keep_worse(best, {GlobalKind::warning, GlobalReason::odd_name, std::string(module), std::string(name),
                      "has more dotted components than any class"});
  }
  if (is_safe) return best.kind == GlobalKind::critical ? best : plain(GlobalKind::safe, module, name);
  const DangerousRow* row = find_module_row(module);
  // A member of a safe class is unknown, not as bad as the rest of the module.
  if (row != nullptr && find(tables::k_safe, module, name.substr(0, name.find('.'))) == nullptr) {
    // The name as it was written: the row is about all of the module.
    GlobalJudgement found = from_row(*row, GlobalReason::module_row);
    found.module = module;
    found.name = name;
    keep_worse(best, std::move(found));
  }
  return best;
}

/// Translation of protocols 0 to 2: the exact pair first, else the module alone (CPython, _compat_pickle).
bool translate(std::string_view& module, std::string_view& name) {
  if (const auto* row = find(tables::k_python2, module, name)) {
    module = row->new_module;
    name = row->new_name;
    return true;
  }
  if (const auto* row = find(tables::k_python2, module, "*")) {
    module = row->new_module;
    return true;
  }
  return false;
}

bool is_blank_or_control(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u <= 0x20 || u == 0x7f;
}

bool is_odd(std::string_view text) {
  return text.empty() || text.size() > k_longest_name || std::any_of(text.begin(), text.end(), is_blank_or_control);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Shape of UTF-8 sequences; what a loader rejects outright need not be told apart further.
bool is_utf8(std::string_view text) {
  if (is_ascii(text)) return true;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const std::size_t more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 9;
    if (more > text.size() - i) return false;
    for (std::size_t k = 0; k < more; ++k, ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

std::string without_blanks(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return !is_blank_or_control(c); });
  return out;
}

/// Python normalises identifiers (NFKC) in source text only, so a name outside ASCII is taken as it stands.
GlobalJudgement judge_both_spellings(std::string_view module, std::string_view name, bool python2_names) {
  std::string_view new_module = module;
  std::string_view new_name = name;
  if (!python2_names || !translate(new_module, new_name)) return judge_spelling(module, name);
  GlobalJudgement loaded = judge_spelling(new_module, new_name);
  GlobalJudgement written = judge_spelling(module, name);
  // The old spelling is what a Python 2 loader imports. Only what is surely bad there counts: most old modules have a
  // row as a whole because nothing new should use them.
  if (written.kind == GlobalKind::critical && written.reason != GlobalReason::module_row) {
    keep_worse(loaded, std::move(written));
  }
  return loaded;
}

GlobalJudgement judge_odd(std::string_view module, std::string_view name, bool python2_names) {
  const std::string_view short_module = module.substr(0, k_longest_name);
  const std::string_view short_name = name.substr(0, k_longest_name);
  GlobalJudgement best{GlobalKind::warning, GlobalReason::odd_name, std::string(short_module), std::string(short_name),
                       "is not a name that any producer writes"};
  const std::string clean_module = without_blanks(short_module);
  const std::string clean_name = without_blanks(short_name);
  if (clean_module.empty() || clean_name.empty()) return best;
  keep_worse(best, judge_both_spellings(clean_module, clean_name, python2_names));
  return best;
}

}  // namespace

GlobalJudgement judge_global(std::string_view module, std::string_view name, bool python2_names) {
  if (is_odd(module) || is_odd(name) || !is_utf8(module) || !is_utf8(name)) return judge_odd(module, name, python2_names);
  return judge_both_spellings(module, name, python2_names);
}

bool is_dangerous_module(std::string_view module) {
  if (find_alias(module) != nullptr) return true;
  const DangerousRow* row = find_module_row(module);
  return row != nullptr && row->kind == GlobalKind::critical;
}

bool is_cleared_module(std::string_view module) {
  if (module.empty() || is_dangerous_module(module)) return false;
  const std::string_view package = module.substr(0, module.find('.'));
  if (std::binary_search(std::begin(k_standard_library), std::end(k_standard_library), package)) return true;
  const auto* row = std::lower_bound(std::begin(tables::k_safe), std::end(tables::k_safe), module,
                                     [](const auto& r, std::string_view m) { return r.module < m; });
  if (row == std::end(tables::k_safe)) return false;
  const std::string_view listed = row->module;
  return listed == module || (listed.starts_with(module) && listed[module.size()] == '.');
}

GlobalKind judge_attribute(std::string_view attribute) {
  if (const DangerousRow* row = find(tables::k_dangerous, "*", attribute)) return row->kind;
  return find_alias(attribute) != nullptr ? GlobalKind::critical : GlobalKind::unknown;
}

}  // namespace modelaudit::detect
