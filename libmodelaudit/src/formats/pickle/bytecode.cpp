#include "formats/pickle/bytecode.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "detect/code_text.hpp"
#include "detect/python_globals.hpp"

namespace modelaudit::formats::pickles {

namespace {

using detect::GlobalKind;
using detect::GlobalReason;
using wire::pickle::Kind;
using wire::pickle::Machine;
using wire::pickle::Value;

constexpr std::size_t k_most_texts = 4096;
constexpr int k_deepest = 8;

/// Builtins that ordinary functions do not use; open and getattr they do.
constexpr std::string_view k_builtins[] = {"eval", "exec", "compile", "__import__", "breakpoint", "execfile"};
/// Modules of which only the exact rows count, because harmless uses abound: os.path, sys.version.
constexpr std::string_view k_mixed_modules[] = {"os", "posix", "nt", "sys", "builtins", "shutil", "importlib", "io", "pathlib", "tempfile"};

bool is_mixed(std::string_view module) {
  return std::find(std::begin(k_mixed_modules), std::end(k_mixed_modules), module) != std::end(k_mixed_modules);
}

struct Collector {
  const Machine& machine;
  std::set<std::string> texts;
  std::uint64_t code_objects = 0;

  void add(Value v, int level) {
    if (level > k_deepest || texts.size() > k_most_texts) return;
    switch (machine.kind(v)) {
      case Kind::text:
        if (const auto text = machine.text(v); text && text->size() <= 65536) texts.emplace(*text);
        return;
      case Kind::dict: {
        // Keys such as __closure__ and __builtins__ are the shape of a function, not what it uses.
        const std::vector<Value> pairs = machine.items(v, k_most_texts);
        for (std::size_t i = 0; i < pairs.size(); ++i) {
          const auto key = i % 2 == 0 ? machine.text(pairs[i]) : std::nullopt;
          if (!key || !key->starts_with("__") || !key->ends_with("__")) add(pairs[i], level + 1);
        }
        return;
      }
      case Kind::tuple:
      case Kind::list:
      case Kind::set: {
        const std::vector<Value> items = machine.items(v, k_most_texts);
        bool bytes = false;
        bool names = false;
        for (const Value item : items) {
          bytes = bytes || machine.kind(item) == Kind::bytes;
          names = names || machine.kind(item) == Kind::tuple;
          add(item, level + 1);
        }
        if (bytes && names && items.size() >= 13) ++code_objects;
        return;
      }
      case Kind::object: {
        const Machine::Parts parts = machine.parts(v);
        add(parts.args, level + 1);
        return;
      }
      default: return;
    }
  }
};

}  // namespace

CodeMentions find_mentions(const Machine& machine, Value args) {
  Collector found{machine, {}, 0};
  found.add(args, 0);
  CodeMentions out;
  out.code_objects = found.code_objects;
  for (const std::string& name : found.texts) {
    if (std::find(std::begin(k_builtins), std::end(k_builtins), name) != std::end(k_builtins)) {
      out.danger = name;
      return out;
    }
    if (detect::judge_attribute(name) == GlobalKind::critical && !name.starts_with("_os") && !is_mixed(name)) {
      out.danger = name;
      return out;
    }
  }
  for (const std::string& module : found.texts) {
    if (module.size() > 64 || !detect::is_dangerous_module(module)) continue;
    if (!is_mixed(module) && module.find(' ') == std::string::npos && module.find('.') == std::string::npos) {
      out.danger = module;
      return out;
    }
    for (const std::string& name : found.texts) {
      const detect::GlobalJudgement judged = detect::judge_global(module, name, false);
      if (judged.kind == GlobalKind::critical && judged.reason == GlobalReason::table && name != "*") {
        out.danger = module + "." + name;
        return out;
      }
    }
  }
  for (const std::string& text : found.texts) {
    if (text.size() <= 12) continue;
    if (const auto code = detect::find_code(text)) {
      out.danger = code->extract;
      return out;
    }
  }
  return out;
}

}  // namespace modelaudit::formats::pickles
