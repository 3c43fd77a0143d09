#include "formats/pickle/judge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rules/catalogue.hpp"
#include "wire/pickle/opcodes.hpp"

namespace modelaudit::formats::pickles {

namespace {

using detect::GlobalKind;
using detect::GlobalReason;
using wire::pickle::Anomaly;
using wire::pickle::Kind;
using wire::pickle::opcode_info;

constexpr std::size_t k_names_in_message = 8;

std::string opcode_name(std::uint8_t opcode) { return std::string(opcode_info(opcode).name); }

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// dill and the several homes of cloudpickle.
bool is_bytecode_module(std::string_view module) {
  return module == "dill._dill" || module == "dill.dill" || module.find("cloudpickle") != std::string_view::npos;
}

bool is_bytecode_name(std::string_view name) {
  return is_one_of(name, {"_create_function", "_create_code", "_make_function", "_make_skel_func", "_fill_function",
                          "_function_setstate", "_function_getstate", "_builtin_type", "_make_cell", "_make_empty_cell",
                          "_make_skeleton_class", "_make_skeleton_enum", "_class_setstate", "_rehydrate_skeleton_class",
                          "_make_typevar", "_make_dict_keys", "_make_dict_values", "_make_dict_items", "_make_method",
                          "_make_function_from_code", "_lookup_class_or_track", "cell_set", "dynamic_subimport", "_gen_ellipsis",
                          "_gen_not_implemented", "subimport", "_import_module", "_load_type", "_create_type", "_create_cell",
                          "_create_array", "_create_dtypemeta", "_create_namedtuple", "_create_weakref", "_create_lock",
                          "_create_rlock", "_eval_repr", "_get_attr", "_setattr", "_empty_cell_value", "_code_reduce"});
}

bool is_loader(std::string_view module, std::string_view name) {
  return is_one_of(name, {"loads", "load", "_loads", "_load", "read_pickle", "_unpickle", "decode", "Unpickler"}) ||
         (module == "torch.storage" && name == "_load_from_bytes");
}

std::string join_names(const std::map<std::string, std::uint64_t>& names) {
  std::string out;
  std::size_t shown = 0;
  for (const auto& [name, offset] : names) {
    if (shown == k_names_in_message) return out + fmt::format(" and {} more", names.size() - shown);
    if (shown++ != 0) out += ", ";
    out += name;
  }
  return out;
}

/// Exact rows may be about an alias or a walk as well: the components tell.
GlobalReason refine(const detect::GlobalJudgement& judged, std::string_view name) {
  if (judged.reason != GlobalReason::table || name.find('.') == std::string_view::npos) return judged.reason;
  for (std::size_t start = 0; start < name.size();) {
    const std::size_t end = std::min(name.find('.', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (detect::judge_attribute(part) == GlobalKind::critical) {
      return part.starts_with("__") ? GlobalReason::component : GlobalReason::private_alias;
    }
    start = end + 1;
  }
  return judged.reason;
}

const Rule& rule_for(GlobalReason reason, bool called) {
  switch (reason) {
    case GlobalReason::component: return rules::pickle_attribute_walk;
    case GlobalReason::private_alias: return rules::pickle_private_alias;
    case GlobalReason::scanner_tamper: return rules::pickle_scanner_tamper;
    default: return called ? rules::pickle_dangerous_call : rules::pickle_dangerous_global;
  }
}

}  // namespace

std::string dotted(std::string_view module, std::string_view name) {
  std::string out(module);
  return out.append(1, '.').append(name);
}

void Judge::emit(Finding finding) {
  if (embedded_ && finding.severity != Severity::critical) return;
  context_.report(std::move(finding));
}

/// The same thing, said once an input.
void Judge::note_once(const char* key, Finding finding) {
  if (embedded_ && finding.severity != Severity::critical) return;
  constexpr std::size_t k_noted = 4096;
  if (noted_.size() < k_noted && noted_.insert(key).second) context_.report(std::move(finding));
}

// --- globals ---------------------------------------------------------------------------------------------------

std::pair<std::string, std::string> Judge::canonical(const wire::pickle::Global& global) {
  detect::GlobalJudgement judged = detect::judge_global(global.module, global.name, global.python2_names);
  if (judged.module.empty()) return {global.module, global.name};
  // collections._sys.modules.get is sys.modules.get: followed as what it is, however the tables call it.
  for (const auto& [alias, module] : {std::pair<std::string_view, std::string_view>{"_sys.", "sys"}, {"sys.", "sys"}, {"_operator.", "operator"},
                                      {"bltns.", "builtins"}, {"_importlib.", "importlib"}, {"importlib.", "importlib"}, {"_functools.", "functools"}}) {
    if (judged.name.starts_with(alias)) return {std::string(module), judged.name.substr(alias.size())};
  }
  return {std::move(judged.module), std::move(judged.name)};
}

Treatment Judge::treat(const State& s) const {
  const std::string& module = s.judgement.module;
  const std::string& name = s.judgement.name;
  if (is_bytecode_module(s.module) && is_bytecode_name(s.name)) return Treatment::bytecode;
  if (module == "torch.storage" && name == "_load_from_bytes") return Treatment::torch_bytes;
  if (module == "torch.fx.graph_module" && name.starts_with("reduce_") && name.ends_with("graph_module")) return Treatment::graph_code;
  if (setting_.torch_classes && s.module.starts_with("__torch__") && s.judgement.kind == GlobalKind::unknown) return Treatment::safe;
  if (name == "_ufunc_reconstruct" && is_one_of(module, {"numpy.core", "numpy._core"})) return Treatment::rebuilds;
  if (module.starts_with("scipy.stats._") && name.ends_with("_gen")) return Treatment::distribution;
  switch (s.judgement.kind) {
    case GlobalKind::critical:
      if (module == "builtins" && name == "getattr") return Treatment::getattr;
      // dill names the globals of a function's module so; what that module is cannot be seen here.
      if (has_dill_functions_ && s.name == "__dict__" && !detect::is_dangerous_module(s.module)) return Treatment::unknown;
      return is_loader(module, name) ? Treatment::loader : Treatment::critical;
    case GlobalKind::warning:
      if (module == "copyreg" && is_one_of(name, {"__newobj__", "__newobj_ex__", "constructor"})) return Treatment::constructs;
      if (module == "torch._tensor" && name == "_rebuild_from_type_v2") return Treatment::constructs;
      if (module == "builtins" && name == "type") return Treatment::builds_class;
      if (is_one_of(module, {"functools", "_functools"}) && name == "partial") return Treatment::binds;
      return is_loader(module, name) ? Treatment::loader : Treatment::warning;
    case GlobalKind::unknown: return s.module == "__main__" ? Treatment::main : Treatment::unknown;
    case GlobalKind::safe: break;
  }
  if (module == "builtins" && is_one_of(name, {"bytes", "bytearray", "list", "tuple", "set", "frozenset"})) return Treatment::allocates;
  if (module.starts_with("numpy") && is_one_of(name, {"_reconstruct", "zeros", "ones", "empty", "full", "ndarray"})) return Treatment::allocates;
  return Treatment::safe;
}

Judge::State& Judge::state(const Machine& machine, Value value) {
  const std::uint32_t index = machine.global_index(value);
  if (index < states_.size() && !states_[index].module.empty()) return states_[index];
  if (index >= states_.size()) states_.resize(index + 1);
  State& s = states_[index];
  const wire::pickle::Global& global = *machine.global(value);
  s.module = global.module.empty() ? "?" : global.module;
  s.name = global.name;
  s.written = global.written;
  s.computed = global.computed;
  s.judgement = detect::judge_global(global.module, global.name, global.python2_names);
  s.judgement.reason = refine(s.judgement, global.name);
  s.treatment = treat(s);
  s.offset = global.offset;
  s.opcode = global.opcode;
  return s;
}

void Judge::count_unknown(State& s, std::uint64_t offset) {
  if (s.counted || embedded_) return;
  s.counted = true;
  (s.treatment == Treatment::main ? main_ : unknown_).emplace(dotted(s.module, s.name), offset);
}

void Judge::report_global(State& s, const Rule& rule, std::string message, std::uint64_t offset, std::uint8_t opcode,
                          const std::string& arguments, Severity severity) {
  s.reported = true;
  Finding finding(rule, std::move(message), ScanContext::at(offset),
                  {{"opcode", opcode_name(opcode)}, {"module", s.module}, {"name", s.name}});
  if (dotted(s.module, s.name) != dotted(s.judgement.module, s.judgement.name)) {
    finding.details.emplace_back("resolves_to", dotted(s.judgement.module, s.judgement.name));
  }
  if (!s.written.empty()) finding.details.emplace_back("written_as", s.written);
  if (!s.judgement.why.empty()) finding.details.emplace_back("reason", std::string(s.judgement.why));
  if (!arguments.empty()) finding.details.emplace_back("arguments", arguments);
  finding.severity = severity;
  emit(std::move(finding));
}

void Judge::on_global(const Machine& machine, Value value, std::uint64_t offset, std::uint8_t opcode) {
  State& s = state(machine, value);
  if (s.opcode == 0) s.opcode = opcode;
  has_dill_functions_ = has_dill_functions_ || (s.name == "_create_function" && s.treatment == Treatment::bytecode);
  if (s.computed && !s.reported) {
    report_global(s, rules::pickle_dynamic_global,
                  fmt::format("the imported name {} is put together while loading", dotted(s.module, s.name)), offset, opcode, {},
                  Severity::critical);
  }
  switch (s.treatment) {
    case Treatment::unknown:
    case Treatment::main: count_unknown(s, offset); return;
    case Treatment::critical:
    case Treatment::loader:
    case Treatment::warning:
    case Treatment::getattr:
    case Treatment::torch_bytes:
    case Treatment::graph_code:
    case Treatment::binds: {
      // Held back: most often a call follows, and import and call are one finding.
      if (!s.reported && !s.held) {
        s.held = true;
        s.offset = offset;
        import_order_.push_back(machine.global_index(value));
      }
      if (s.judgement.module == "copyreg" && s.judgement.name == "add_extension") extension_registered_ = true;
      return;
    }
    default: return;
  }
}

void Judge::on_dynamic_global(const Machine& machine, Value module, Value name, std::uint64_t offset) {
  emit(Finding(rules::pickle_dynamic_global,
               fmt::format("an import whose name is no constant: {} . {}", machine.describe(module, 80), machine.describe(name, 80)),
               ScanContext::at(offset), {{"opcode", "STACK_GLOBAL"}, {"module", machine.describe(module, 80)}, {"name", machine.describe(name, 80)}}));
}

void Judge::light_global(std::string_view module, std::string_view name, std::uint64_t offset) {
  const detect::GlobalJudgement judged = detect::judge_global(module, name, true);
  if (judged.kind != GlobalKind::critical) return;
  if (!noted_.insert("light " + dotted(module, name)).second) return;
  emit(Finding(rule_for(judged.reason, false), fmt::format("imports {}, beyond the opcode limit", dotted(module, name)), ScanContext::at(offset),
               {{"module", std::string(module)}, {"name", std::string(name)}, {"reason", std::string(judged.why)}}));
}

void Judge::report_import(State& s) {
  if (s.reported) return;
  const bool critical = s.judgement.kind == GlobalKind::critical;
  // A bare reference to partial or to torch's byte loader says nothing; what is bound or loaded would.
  if (s.treatment == Treatment::binds || s.treatment == Treatment::torch_bytes) return;
  report_global(s, critical ? rule_for(s.judgement.reason, false) : rules::pickle_suspicious_global,
                fmt::format("imports {}", dotted(s.module, s.name)), s.offset, s.opcode, {},
                critical ? Severity::critical : Severity::warning);
}

void Judge::report_call(State& s, const Machine& machine, const Call& call) {
  const bool critical = s.judgement.kind == GlobalKind::critical;
  if (critical) ++dangerous_calls_;
  constexpr std::size_t k_calls_told = 20;
  constexpr std::uint32_t k_calls_compared = 1000;
  if (s.calls > k_calls_compared) return;
  const std::string arguments = machine.describe(call.args, 160);
  if (s.arguments.size() >= k_calls_told || !s.arguments.insert(arguments).second) return;
  const Rule& rule = critical ? rule_for(s.judgement.reason, true) : rules::pickle_suspicious_global;
  std::string message = fmt::format("calls {}{}", dotted(s.module, s.name), arguments.starts_with('(') ? arguments : "(...)");
  if (!call.via.empty()) message += fmt::format(" by way of {}", call.via);
  report_global(s, rule, std::move(message), call.offset, call.opcode, arguments, critical ? Severity::critical : Severity::warning);
}

void Judge::finish() {
  for (const std::uint32_t index : import_order_) report_import(states_[index]);
  import_order_.clear();
  const auto list = [&](const Rule& rule, const std::map<std::string, std::uint64_t>& names, std::string_view what) {
    if (names.empty()) return;
    std::uint64_t first = names.begin()->second;
    Finding finding(rule, fmt::format("{} {}: {} (to allow: --allow {}, or in the configuration file)", names.size(), what,
                                      join_names(names), names.begin()->first));
    for (const auto& [name, offset] : names) {
      first = std::min(first, offset);
      finding.uncleared.push_back(name);
    }
    finding.where.offset = first;
    finding.severity_if_allowed.reset();
    emit(std::move(finding));
  };
  list(rules::pickle_unknown_global, unknown_, unknown_.size() == 1 ? "name that nobody has cleared" : "names that nobody has cleared");
  list(rules::pickle_main_class, main_, main_.size() == 1 ? "class of the loading script" : "classes of the loading script");
  if (bytecode_functions_ != 0) {
    note_once("bytecode", Finding(rules::pickle_bytecode,
                                  fmt::format("carries Python functions or classes as bytecode, in {} places", bytecode_functions_),
                                  ScanContext::at(bytecode_offset_)));
  }
  unknown_.clear();
  main_.clear();
}

std::optional<ArrayLayout> Judge::take_array() {
  std::optional<ArrayLayout> out;
  out.swap(array_);
  return out;
}

// --- other events ------------------------------------------------------------------------------------------------

void Judge::on_build(const Machine& machine, const wire::pickle::Build& build) {
  const Kind kind = machine.kind(build.object);
  if (kind == Kind::global || kind == Kind::module) {
    const std::string target = machine.describe(build.object, 120);
    emit(Finding(rules::pickle_build_patch, fmt::format("BUILD writes attributes to {}: {}", target, machine.describe(build.state, 160)),
                 ScanContext::at(build.offset), {{"opcode", "BUILD"}, {"target", target}, {"state", machine.describe(build.state, 160)}}));
    return;
  }
  state_keys(machine, build, build.state, 0);
  const Value made_by = machine.parts(build.object).callable;
  const auto* cls = machine.global(made_by);
  if (cls != nullptr) {
    if (State& s = state(machine, made_by); s.treatment == Treatment::distribution) build_distribution(machine, build, s);
  }
  if (cls == nullptr || cls->module.find("numpy_pickle") == std::string::npos || cls->module.find("joblib") == std::string::npos) return;
  if (cls->name == "NumpyArrayWrapper") {
    array_ = read_array_layout(machine, build.state);
    array_->offset = build.offset;
    machine.interrupt();
  } else if (cls->name == "NDArrayWrapper" || cls->name == "ZNDArrayWrapper") {
    const std::vector<Value> pairs = machine.items(build.state, 32);
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const auto key = machine.text(pairs[i]);
      const auto file = machine.text(pairs[i + 1]);
      if (!key || *key != "filename" || !file) continue;
      const bool leaves = file->find('/') != std::string_view::npos || file->find('\\') != std::string_view::npos || file->find("..") != std::string_view::npos;
      Finding finding(rules::joblib_external_file, fmt::format("an array is read from the file {} beside this one", *file),
                      ScanContext::at(build.offset), {{"file", std::string(*file)}});
      if (!leaves) finding.severity = Severity::warning;
      emit(std::move(finding));
    }
  }
}

void Judge::state_keys(const Machine& machine, const wire::pickle::Build& build, Value value, int level) {
  if (machine.kind(value) == Kind::tuple && level == 0) {
    for (const Value part : machine.items(value, 2)) state_keys(machine, build, part, 1);
    return;
  }
  if (machine.kind(value) != Kind::dict) return;
  const std::vector<Value> pairs = machine.items(value, 65536);
  context_.budget().charge_opcodes(pairs.size() / 16);
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const Kind kind = machine.kind(pairs[i + 1]);
    const bool callable = kind == Kind::global || kind == Kind::attribute || kind == Kind::module ||
                          (kind == Kind::object && machine.kind(machine.parts(pairs[i + 1]).callable) == Kind::global &&
                           base_global(machine, pairs[i + 1]) < states_.size() &&
                           states_[base_global(machine, pairs[i + 1])].treatment != Treatment::safe);
    const auto key = machine.text(pairs[i]);
    if (!callable || !key) continue;
    if (is_one_of(*key, {"__setstate__", "__reduce__", "__reduce_ex__", "__class__", "__del__", "__getattr__", "__getattribute__",
                         "__iter__", "__hash__", "__eq__", "__call__", "__getstate__", "__enter__", "__exit__"})) {
      emit(Finding(rules::pickle_setstate_trick,
                   fmt::format("the state sets {} to {}", *key, machine.describe(pairs[i + 1], 120)), ScanContext::at(build.offset),
                   {{"opcode", "BUILD"}, {"key", std::string(*key)}, {"value", machine.describe(pairs[i + 1], 120)}}));
    }
  }
}

void Judge::on_item_write(const Machine& machine, const wire::pickle::ItemWrite& write) {
  const Kind kind = machine.kind(write.target);
  if (kind == Kind::object) {
    // Subclasses of dict, list, set and deque are filled this way; a rebuilt tensor is none of these.
    const auto* made_by = machine.global(machine.parts(write.target).callable);
    if (made_by == nullptr || !made_by->module.starts_with("torch._") || !made_by->name.starts_with("_rebuild")) return;
  }
  if (kind == Kind::unknown) return;  // said already, where it became unknown
  const std::string target = machine.describe(write.target, 120);
  if (write.module_table || kind == Kind::global || kind == Kind::module) {
    emit(Finding(rules::pickle_modules_write,
                 fmt::format("{} writes {} into {}", opcode_name(write.opcode), machine.describe(write.key, 60) + ": " + machine.describe(write.value, 80), target),
                 ScanContext::at(write.offset), {{"opcode", opcode_name(write.opcode)}, {"target", target}, {"key", machine.describe(write.key, 80)}}));
    return;
  }
  note_once("item write", Finding(rules::pickle_item_write, fmt::format("{} on {}, which is no container", opcode_name(write.opcode), target),
                                  ScanContext::at(write.offset), {{"opcode", opcode_name(write.opcode)}, {"target", target}}));
}

/// ('module', class, file, source): legacy torch.save notes the source of a module's class; the loader gives the class.
bool Judge::is_source_marker(const Machine& machine, Value id) {
  const std::vector<Value> parts = machine.items(id, 8);
  return parts.size() == 4 && machine.text(parts[0]) == "module" && machine.kind(parts[1]) == Kind::global;
}

void Judge::on_persistent_id(const Machine& machine, Value id, std::uint64_t offset, std::uint8_t opcode) {
  const std::vector<Value> parts = machine.items(id, 16);
  for (const Value part : parts) {
    if (machine.kind(part) != Kind::global) continue;
    State& s = state(machine, part);
    if (s.judgement.kind != GlobalKind::critical || s.reported) continue;
    report_global(s, rules::pickle_dangerous_global, fmt::format("hands {} to the loader in a persistent id", dotted(s.module, s.name)), offset, opcode,
                  machine.describe(id, 160), Severity::critical);
  }
  const auto first = parts.empty() ? std::optional<std::string_view>() : machine.text(parts[0]);
  if (setting_.torch_ids && ((first && *first == "storage") || machine.integer(id) || is_source_marker(machine, id))) return;
  note_once("persistent id", Finding(rules::pickle_persistent_id, fmt::format("hands a persistent id to the loader: {}", machine.describe(id, 120)),
                                     ScanContext::at(offset), {{"opcode", opcode_name(opcode)}, {"id", machine.describe(id, 160)}}));
}

void Judge::on_extension(const Machine&, std::int64_t code, std::uint64_t offset) {
  Finding finding(rules::pickle_extension, fmt::format("takes extension code {} out of the loader's registry", code), ScanContext::at(offset),
                  {{"code", std::to_string(code)}});
  if (extension_registered_) finding.severity = Severity::critical;
  note_once(("extension " + std::to_string(code)).c_str(), std::move(finding));
}

void Judge::on_anomaly(const Machine& machine, Anomaly anomaly, std::uint64_t offset, std::uint64_t detail) {
  const Location where = ScanContext::at(offset);
  switch (anomaly) {
    case Anomaly::memo_unset:
      note_once("memo", Finding(rules::pickle_malformed, fmt::format("reads memo index {}, which was never set", detail), where, {{"index", std::to_string(detail)}}));
      if (!embedded_ && noted_.insert("memo gap").second) context_.inconclusive(GapKind::corrupt, "pickle: memo index that was never set", where);
      return;
    case Anomaly::memo_previous:
      note_once("memo previous", Finding(rules::pickle_protocol_odd, fmt::format("reads memo index {} of the stream before", detail), where));
      return;
    case Anomaly::memo_index:
      note_once("memo index", Finding(rules::pickle_memory_bomb, fmt::format("memo index {} makes the loader allocate {} entries", detail, detail * 2), where, {{"index", std::to_string(detail)}}));
      return;
    case Anomaly::proto_repeated:
      note_once("proto", Finding(rules::pickle_protocol_odd, "PROTO stands in the middle of the stream", where));
      return;
    case Anomaly::proto_unsupported:
      note_once("proto high", Finding(rules::pickle_protocol_odd, fmt::format("protocol {} does not exist", detail), where));
      return;
    case Anomaly::proto_missing:
      note_once("proto missing", Finding(rules::pickle_protocol_odd, fmt::format("{} without the protocol that has it", opcode_name(static_cast<std::uint8_t>(detail))), where));
      return;
    case Anomaly::frame_beyond_input:
      note_once("frame", Finding(rules::pickle_protocol_odd, fmt::format("a frame of {} bytes is longer than the file", detail), where));
      return;
    case Anomaly::expansion:
      emit(Finding(rules::pickle_expansion, fmt::format("an object that expands to {}{} elements out of {} opcodes", detail == ~std::uint64_t{0} ? "more than " : "", detail, machine.opcodes()), where,
                   {{"elements", std::to_string(detail)}}));
      return;
    case Anomaly::depth:
      emit(Finding(rules::pickle_expansion, fmt::format("containers nested more than {} deep", wire::pickle::k_deep), where));
      return;
    case Anomaly::big_number:
      note_once("number", Finding(rules::pickle_memory_bomb, fmt::format("a number of {} digits, whose conversion takes quadratic time", detail), where));
      return;
    case Anomaly::bad_extension:
      note_once("ext code", Finding(rules::pickle_malformed, "an extension code that cannot exist", where));
      return;
    case Anomaly::buffer:
      note_once("buffer", Finding(rules::pickle_buffers, "takes a buffer that is not in the file", where));
      return;
    case Anomaly::bad_operand:
      note_once("operand", Finding(rules::pickle_malformed, "an operand that is no number or text", where));
      if (!embedded_ && noted_.insert("operand gap").second) context_.inconclusive(GapKind::corrupt, "pickle: malformed operand", where);
      return;
  }
}

}  // namespace modelaudit::formats::pickles
