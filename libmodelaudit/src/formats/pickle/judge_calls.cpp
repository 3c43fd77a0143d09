#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "detect/code_text.hpp"
#include "formats/pickle/arguments.hpp"
#include "formats/pickle/bytecode.hpp"
#include "formats/pickle/judge.hpp"
#include "rules/catalogue.hpp"
#include "wire/pickle/opcodes.hpp"

namespace modelaudit::formats::pickles {

namespace {

using detect::GlobalKind;
using wire::pickle::Kind;
using wire::pickle::opcode_info;

/// More than this from one call is no rebuilt array but an attack on memory: 16 GiB.
constexpr std::uint64_t k_large_allocation = std::uint64_t{1} << 34;

/// How protocols 0 to 2 write bytes: _codecs.encode(text, "latin1"). Empty: it is not that.
std::vector<std::byte> latin1_bytes(const wire::pickle::Machine& machine, wire::pickle::Value v) {
  std::vector<std::byte> out;
  const auto parts = machine.parts(v);
  const auto* callable = machine.global(parts.callable);
  const std::vector<wire::pickle::Value> args = machine.items(parts.args, 2);
  if (callable == nullptr || callable->module != "_codecs" || callable->name != "encode" || args.empty()) return out;
  const auto text = machine.text(args[0]);
  if (!text) return out;
  out.reserve(text->size());
  for (std::size_t i = 0; i < text->size(); ++i) {
    auto c = static_cast<std::uint8_t>((*text)[i]);
    if (c >= 0xc2 && c <= 0xc3 && i + 1 < text->size()) c = static_cast<std::uint8_t>(c << 6 | (static_cast<std::uint8_t>((*text)[++i]) & 0x3f));
    out.push_back(static_cast<std::byte>(c));
  }
  return out;
}

/// The object is made by `cls.__new__`: its constructor does not run.
bool is_bare_creation(const wire::pickle::Call& call) {
  return call.opcode == wire::pickle::op_newobj || call.opcode == wire::pickle::op_newobj_ex || call.via == "_reconstructor" ||
         call.via.starts_with("__newobj");
}

bool is_dunder(std::string_view name) { return name.starts_with("__") && name.ends_with("__"); }

}  // namespace

void Judge::on_call(const Machine& machine, const Call& call) {
  if (machine.kind(call.callable) != Kind::global) {
    call_other(machine, call);
    return;
  }
  State& s = state(machine, call.callable);
  ++s.calls;
  if (s.treatment == Treatment::safe) {
    call_constructor(machine, call, s);
    return;
  }
  mark_arguments(machine, call, &s);
  call_global(machine, call, s);
}

void Judge::call_global(const Machine& machine, const Call& call, State& s) {
  const std::vector<Value> args = machine.items(call.args, 4);
  switch (s.treatment) {
    case Treatment::safe: return;
    case Treatment::allocates: check_allocation(machine, call, s); return;
    case Treatment::unknown:
    case Treatment::main:
      count_unknown(s, call.offset);
      check_code_text(machine, call, dotted(s.module, s.name));
      return;
    case Treatment::critical:
    case Treatment::loader: report_call(s, machine, call); return;
    case Treatment::warning:
      report_call(s, machine, call);
      check_code_text(machine, call, dotted(s.module, s.name));
      return;
    case Treatment::getattr: call_getattr(machine, call, s); return;
    case Treatment::constructs:
      // The machine reports the call of the class by itself; only what it cannot see is left to say here.
      if (args.empty() || machine.kind(args[0]) != Kind::global) {
        if (args.empty() || machine.kind(args[0]) != Kind::object) report_call(s, machine, call);
      }
      return;
    case Treatment::builds_class:
      if (machine.length(call.args) != 1) report_call(s, machine, call);
      return;
    case Treatment::binds: {
      if (!args.empty() && machine.kind(args[0]) == Kind::global) {
        State& bound = state(machine, args[0]);
        if (bound.judgement.kind == GlobalKind::critical && bound.treatment != Treatment::bytecode) {
          report_call(bound, machine, call);
        }
        return;  // safe and unknown ones are judged by their own name
      }
      if (args.empty() || (machine.kind(args[0]) != Kind::object && machine.kind(args[0]) != Kind::unknown)) report_call(s, machine, call);
      return;
    }
    case Treatment::bytecode: call_bytecode(machine, call, s); return;
    case Treatment::torch_bytes: call_torch_bytes(machine, call, s); return;
    case Treatment::graph_code: call_graph_code(machine, call, s); return;
    case Treatment::rebuilds: call_rebuild(machine, call, s); return;
    case Treatment::distribution:
      // NEWOBJ and a state are all that is written; a constructor would make source text of its arguments.
      if (machine.length(call.args) != 0 && !is_bare_creation(call)) report_call(s, machine, call);
      return;
  }
}

/// A row "Class.__init__" says that only the constructor harms: not when the object is made without it.
void Judge::call_constructor(const Machine& machine, const Call& call, State& s) {
  if (!s.constructor_known) {
    s.constructor_known = true;
    const detect::GlobalJudgement judged = detect::judge_global(s.module, s.name + ".__init__", false);
    if (judged.reason == detect::GlobalReason::table) {
      s.constructor = judged.kind;
      if (judged.kind != GlobalKind::safe) s.judgement.why = judged.why;
    }
  }
  const bool harms = s.constructor == GlobalKind::critical || s.constructor == GlobalKind::warning;
  if (!harms || is_bare_creation(call) || machine.length(call.args) == 0) return;
  const detect::GlobalKind kind = std::exchange(s.judgement.kind, s.constructor);
  report_call(s, machine, call);
  s.judgement.kind = kind;
}

/// NumPy before 1.22 wrote a universal function as the call (module, name).
void Judge::call_rebuild(const Machine& machine, const Call& call, State& s) {
  const std::vector<Value> args = machine.items(call.args, 2);
  const auto module = args.empty() ? std::nullopt : machine.text(args[0]);
  const auto name = args.size() < 2 ? std::nullopt : machine.text(args[1]);
  if (module && name && detect::judge_global(*module, *name, false).kind == GlobalKind::safe) return;
  report_call(s, machine, call);
}

void Judge::build_distribution(const Machine& machine, const wire::pickle::Build& build, State& s) {
  const std::vector<Value> pairs = machine.items(build.state, 4096);
  bool harmless = machine.kind(build.state) == Kind::dict && machine.items_known(build.state);
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const auto key = machine.text(pairs[i]);
    const auto text = machine.text(pairs[i + 1]);
    if (!key) harmless = false;
    if (key && *key == "_parse_arg_template" && (!text || !is_distribution_template(*text))) harmless = false;
  }
  if (harmless) return;
  ++dangerous_calls_;
  report_global(s, rules::pickle_dangerous_call, fmt::format("the state of {} holds source text that loading runs", dotted(s.module, s.name)),
                build.offset, wire::pickle::op_build, machine.describe(build.state, 160), Severity::critical);
}

/// Whether a method of an instance is listed under its class: numpy.ndarray.tofile.
bool Judge::reaches_harm(const Machine& machine, Value instance, std::string_view attribute) const {
  const Machine::Parts parts = machine.parts(instance);
  std::vector<Value> classes = machine.items(parts.args, 1);  // what rebuilds an object is given its class first
  classes.push_back(parts.callable);
  return std::any_of(classes.begin(), classes.end(), [&](Value v) {
    const auto* cls = machine.global(v);
    if (cls == nullptr) return false;
    const GlobalKind kind = detect::judge_global(cls->module, cls->name + "." + std::string(attribute), cls->python2_names).kind;
    return kind == GlobalKind::critical || kind == GlobalKind::warning;
  });
}

/// What a callable that is no global goes back to: the global called first, or ~0.
std::uint32_t Judge::base_global(const Machine& machine, Value v) const {
  for (int level = 0; level < 16; ++level) {
    if (machine.kind(v) == Kind::global) return machine.global_index(v);
    if (machine.kind(v) != Kind::object && machine.kind(v) != Kind::attribute) break;
    v = machine.parts(v).callable;
  }
  return ~std::uint32_t{0};
}

void Judge::call_other(const Machine& machine, const Call& call) {
  mark_arguments(machine, call, nullptr);
  const std::string what = machine.describe(call.callable, 120);
  Finding finding(rules::pickle_opaque_call, fmt::format("calls {}, which is itself the result of a computation", what), ScanContext::at(call.offset),
                  {{"opcode", std::string(opcode_info(call.opcode).name)}, {"callable", what}, {"arguments", machine.describe(call.args, 160)}});
  switch (machine.kind(call.callable)) {
    case Kind::object:
    case Kind::attribute: {
      const std::uint32_t base = base_global(machine, call.callable);
      if (base < states_.size()) {
        State& s = states_[base];
        if (s.treatment == Treatment::bytecode) {
          // A class that came along is instantiated by any pickle of its objects; a function that came along is run.
          const bool by_type = (s.name == "_load_type" || s.name == "_builtin_type") &&
                               machine.kind(machine.parts(call.callable).callable) == Kind::object;
          const bool makes_function = by_type || s.name == "_create_function" || s.name == "_make_function" || s.name == "_make_skel_func";
          call_bytecode(machine, call, s);
          if (!makes_function) return;
          finding.severity = Severity::critical;
          finding.message = fmt::format("calls a function whose bytecode stands in the file ({})", what);
          ++dangerous_calls_;
        } else if (s.judgement.kind == GlobalKind::critical && s.reported) {
          return;  // the call that made it is reported, with the same consequence
        } else if (s.treatment == Treatment::unknown || s.treatment == Treatment::main) {
          return;  // as uncleared as what made it
        }
      }
      break;
    }
    case Kind::unknown:
      finding.message = "calls an object that could not be followed";
      break;
    case Kind::extension: {
      finding.rule = rules::pickle_extension.id;
      if (extension_registered_) finding.severity = Severity::critical;
      finding.message = fmt::format("calls what stands under an extension code: {}", what);
      break;
    }
    case Kind::persistent:
      // The class was judged where it was named, also as the part of an id.
      if (setting_.torch_ids && is_source_marker(machine, machine.parts(call.callable).args)) return;
      break;
    case Kind::module: break;
    default: return;  // numbers and texts cannot be called: the loader fails here
  }
  check_code_text(machine, call, what);
  emit(std::move(finding));
}

bool Judge::is_safe_object(const Machine& machine, Value v) {
  if (machine.kind(v) != Kind::object) return false;
  const Value callable = machine.parts(v).callable;
  if (machine.kind(callable) != Kind::global) return false;
  const Treatment treatment = state(machine, callable).treatment;
  return treatment == Treatment::safe || treatment == Treatment::allocates;
}

void Judge::call_getattr(const Machine& machine, const Call& call, State& s) {
  const std::vector<Value> args = machine.items(call.args, 4);
  const auto name = args.size() >= 2 ? machine.text(args[1]) : std::nullopt;
  const bool plain = name && !is_dunder(*name) && name->find('.') == std::string_view::npos && detect::judge_attribute(*name) == GlobalKind::unknown;
  if (plain) {
    // How Python 3 writes a bound method: of an instance of a known class.
    if (is_safe_object(machine, args[0]) && !reaches_harm(machine, args[0], *name)) {
      s.reported = true;
      return;
    }
    // And nested classes below protocol 4: the name that is reached is judged like any other.
    if (const auto* owner = machine.global(args[0])) {
      const detect::GlobalJudgement reached = detect::judge_global(owner->module, owner->name + "." + std::string(*name), owner->python2_names);
      const Treatment outer = state(machine, args[0]).treatment;
      const bool known_owner = outer == Treatment::safe || outer == Treatment::unknown || outer == Treatment::main;
      if (reached.kind == GlobalKind::safe || (reached.kind == GlobalKind::unknown && known_owner)) {
        s.reported = true;
        return;
      }
    }
    // An instance of an uncleared class: no worse than the class.
    if (machine.kind(args[0]) == Kind::object) {
      const Value callable = machine.parts(args[0]).callable;
      if (machine.kind(callable) == Kind::global) {
        const Treatment treatment = state(machine, callable).treatment;
        if (treatment == Treatment::unknown || treatment == Treatment::main) {
          s.reported = true;
          return;
        }
      }
    }
  }
  report_call(s, machine, call);
}

void Judge::call_bytecode(const Machine& machine, const Call& call, State& s) {
  const std::vector<Value> args = machine.items(call.args, 4);
  const auto text = args.empty() ? std::nullopt : machine.text(args[0]);
  if (s.name == "_import_module" || s.name == "subimport") {
    // Importing runs the module: a name that nobody cleared is as unknown here as in a global.
    if (!text || detect::is_dangerous_module(*text)) {
      report_call(s, machine, call);
    } else if (!detect::is_cleared_module(*text)) {
      unknown_.emplace(*text, call.offset);
    }
    return;
  }
  if (s.name == "dynamic_subimport") return;  // an empty module object, nothing is imported
  if (s.name == "_eval_repr") {
    if (!text || !is_constant_repr(*text)) report_call(s, machine, call);
    return;
  }
  if (s.name == "_setattr" || s.name == "cell_set") {
    // Only closures are filled so: a write to anything imported changes code that others use.
    const Kind target = args.empty() ? Kind::unknown : machine.kind(args[0]);
    if (target != Kind::object) report_call(s, machine, call);
    return;
  }
  if (s.name == "_get_attr") {
    if (const auto name = args.size() >= 2 ? machine.text(args[1]) : std::nullopt; name && detect::judge_attribute(*name) == GlobalKind::critical) {
      report_call(s, machine, call);
    }
    return;
  }
  const CodeMentions mentions = find_mentions(machine, call.args);
  const bool makes_code = s.name == "_create_function" || s.name == "_make_function" || s.name == "_make_skel_func" || s.name == "_create_code" ||
                          s.name == "_make_skeleton_class" || s.name == "_create_type" || mentions.code_objects != 0;
  if (makes_code && bytecode_functions_++ == 0) bytecode_offset_ = call.offset;
  if (mentions.danger.empty()) return;
  // A type looked up by name and called: KeyError("eval") holds a word, not code.
  if (s.name == "_load_type" && !makes_code) return;
  ++dangerous_calls_;
  if (!noted_.insert("code " + mentions.danger).second) return;
  Finding finding(rules::pickle_bytecode, fmt::format("carries bytecode that uses {}", mentions.danger), ScanContext::at(call.offset),
                  {{"opcode", std::string(opcode_info(call.opcode).name)}, {"module", s.module}, {"name", s.name}, {"uses", mentions.danger}});
  finding.severity = Severity::critical;
  emit(std::move(finding));
}

void Judge::call_torch_bytes(const Machine& machine, const Call& call, State& s) {
  // How every pickled bare tensor looks: fine when the bytes stand here and hold nothing but tensors.
  s.reported = true;
  const std::vector<Value> args = machine.items(call.args, 2);
  const auto extent = args.empty() ? std::nullopt : machine.extent(args[0]);
  std::vector<std::byte> decoded = args.empty() ? std::vector<std::byte>() : latin1_bytes(machine, args[0]);
  const bool in_place = extent && machine.kind(args[0]) == Kind::bytes && !context_.probe().is_stream();
  if ((in_place || !decoded.empty()) && !embedded_) {
    Child child;
    child.name = fmt::format("storage@{}", call.offset);
    if (in_place) {
      child.content = *extent;
    } else {
      child.content = std::move(decoded);
    }
    child.context = {{"loaded_by", "torch.storage._load_from_bytes"}};
    child.may_be_unknown = false;
    // Looked into here, as what torch.load makes of it; not once more as a value that holds some pickle.
    const std::vector<Value> inner = machine.items(machine.parts(args[0]).args, 1);
    const auto literal = extent ? extent : inner.empty() ? std::nullopt : machine.extent(inner[0]);
    if (literal) candidates_.erase(literal->offset);
    const ChildOutcome outcome = context_.scan_child(std::move(child));
    const bool clean = outcome.recognised && outcome.complete && outcome.worst.value_or(Severity::info) < Severity::warning;
    if (clean) return;
    if (outcome.recognised && outcome.worst.value_or(Severity::info) >= Severity::warning) {
      ++dangerous_calls_;
      return;  // its findings are ours
    }
  }
  report_call(s, machine, call);
}

void Judge::call_graph_code(const Machine& machine, const Call& call, State& s) {
  // reduce_graph_module(body, import_block): the module's source is text, compiled when it is loaded.
  s.reported = true;
  std::string source;
  for (const Value argument : machine.items(call.args, 4)) {
    if (const auto text = machine.text(argument)) source += std::string(*text) + "\n";
  }
  const std::vector<Value> args = machine.items(call.args, 1);
  const std::vector<Value> body = args.empty() ? std::vector<Value>() : machine.items(args[0], 1024);
  bool found = false;
  for (std::size_t i = 0; i + 1 < body.size(); i += 2) {
    const auto key = machine.text(body[i]);
    const auto text = machine.text(body[i + 1]);
    if (!key || !text || (*key != "_code" && *key != "code")) continue;
    source += *text;
    found = true;
  }
  if (found && !embedded_) {
    Child child;
    child.name = fmt::format("graph_module@{}.py", call.offset);
    const auto bytes = std::as_bytes(std::span(source.data(), source.size()));
    child.content = std::vector<std::byte>(bytes.begin(), bytes.end());
    child.role = "python-source";
    child.context = {{"loaded_by", "torch.fx"}};
    const ChildOutcome outcome = context_.scan_child(std::move(child));
    const bool judged = std::find(outcome.formats.begin(), outcome.formats.end(), "python-source") != outcome.formats.end();
    if (judged && outcome.worst.value_or(Severity::info) < Severity::warning) return;
    if (judged) ++dangerous_calls_;
  }
  report_call(s, machine, call);
}

void Judge::check_allocation(const Machine& machine, const Call& call, const State& s) {
  const std::vector<Value> args = machine.items(call.args, 4);
  std::optional<std::uint64_t> size;
  const auto product = [&](Value shape) {
    size = 1;
    for (const Value n : machine.items(shape, 64)) {
      const auto dimension = machine.integer(n);
      if (dimension && *dimension > 0 && size) size = checked_mul(*size, static_cast<std::uint64_t>(*dimension));
      if (dimension && *dimension == 0) size = 0;
    }
    if (!size) size = ~std::uint64_t{0};
  };
  const auto number = [&](Value v) {
    if (const auto n = machine.integer(v); n && *n > 0) size = static_cast<std::uint64_t>(*n);
    if (machine.kind(v) == Kind::integer && !machine.integer(v)) size = ~std::uint64_t{0};
  };
  if (args.empty()) return;
  if (s.judgement.name == "bytes" || s.judgement.name == "bytearray") {
    number(args[0]);
  } else if (s.judgement.module == "builtins") {
    // list(range(2**40)): the constructor walks what range only describes.
    const Machine::Parts parts = machine.parts(args[0]);
    const auto* inner = machine.global(parts.callable);
    if (inner == nullptr || (inner->name != "range" && inner->name != "xrange")) return;
    const std::vector<Value> bounds = machine.items(parts.args, 3);
    if (!bounds.empty()) number(bounds.size() == 1 ? bounds[0] : bounds[1]);
    if (size) size = *size > ~std::uint64_t{0} / 8 ? *size : *size * 8;
  } else {
    const Value shape = s.judgement.name == "_reconstruct" && args.size() > 1 ? args[1] : args[0];
    if (machine.kind(shape) == Kind::tuple || machine.kind(shape) == Kind::list) {
      product(shape);
    } else {
      number(shape);
    }
  }
  if (!size || *size < k_large_allocation) return;
  emit(Finding(rules::pickle_memory_bomb, fmt::format("calls {}{}, which allocates out of all proportion", dotted(s.module, s.name), machine.describe(call.args, 80)),
               ScanContext::at(call.offset), {{"module", s.module}, {"name", s.name}, {"size", std::to_string(*size)}}));
}

void Judge::check_code_text(const Machine& machine, const Call& call, std::string_view callee) {
  for (const Value argument : machine.items(call.args, 8)) {
    if (machine.kind(argument) != Kind::text) continue;
    const auto text = machine.text(argument);
    if (!text || text->size() <= 12) continue;
    const auto code = detect::find_code(*text);
    if (!code) continue;
    note_once("code text", Finding(rules::pickle_code_text, fmt::format("hands code to {}: {}", callee, code->extract), ScanContext::at(call.offset),
                                   {{"kind", std::string(detect::to_string(code->kind))}, {"extract", code->extract}}));
    return;
  }
}

void Judge::mark_arguments(const Machine& machine, const Call& call, const State* s) {
  for (const Value argument : machine.items(call.args, 16)) {
    const Kind kind = machine.kind(argument);
    if (kind != Kind::text && kind != Kind::bytes) continue;
    const auto extent = machine.extent(argument);
    if (!extent || extent->length < 8) continue;
    auto known = candidates_.find(extent->offset);
    if (known == candidates_.end()) {
      constexpr std::size_t k_arguments = 1024;
      if (candidates_.size() >= k_arguments) continue;
      Candidate candidate;
      candidate.size = extent->length;
      candidate.is_text = kind == Kind::text;
      known = candidates_.emplace(extent->offset, std::move(candidate)).first;
    }
    known->second.is_argument = true;
    if (s != nullptr && s->treatment == Treatment::loader) {
      known->second.is_loaded = true;
      known->second.loaded_by = dotted(s->module, s->name);
    }
  }
}

}  // namespace modelaudit::formats::pickles
