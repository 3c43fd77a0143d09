#include "wire/pickle/impl.hpp"

namespace modelaudit::wire::pickle {

namespace {

/// Chains of partial, map and the like that are followed.
constexpr int k_max_level = 16;

/// Methods of a text that are followed when getattr picks them.
Role text_role(std::string_view name) {
  if (name == "join") return Role::join;
  if (name == "replace") return Role::replace;
  if (name == "lower") return Role::lower;
  if (name == "upper") return Role::upper;
  if (name == "__add__") return Role::concat;
  if (name == "__getitem__") return Role::getitem;
  if (name == "decode" || name == "encode") return Role::decode;
  return Role::plain;
}

}  // namespace

Value Machine::Impl::intern_module(std::string_view name) {
  for (std::size_t i = 0; i < module_names.size() && i < 256; ++i) {
    if (module_names[i] == name) return make(Tag::module, i);
  }
  module_names.emplace_back(name);
  return make(Tag::module, module_names.size() - 1);
}

Value Machine::Impl::intern(std::string module, std::string name, std::string written, bool computed, bool derived) {
  const bool python2 = protocol < 3;
  std::string key;
  key.reserve(module.size() + name.size() + 2);
  key.append(module).append(1, '\n').append(name).append(1, static_cast<char>((python2 ? 1 : 0) | (computed ? 2 : 0)));
  if (const auto known = global_index.find(key); known != global_index.end()) return make(Tag::global, known->second);
  charge.add(module.size() * 4 + name.size() * 4 + 1024);  // what observers keep of it included
  const auto index = static_cast<std::uint32_t>(globals.size());
  globals.push_back({std::move(module), std::move(name), std::move(written), python2, computed, derived, here, 0});
  const auto [real_module, real_name] = observer.canonical(globals.back());
  roles.push_back(role_of(real_module, real_name));
  global_index.emplace(std::move(key), index);
  const Value v = make(Tag::global, index);
  if (derived) observer.on_global(machine, v, here, op_reduce);
  return v;
}

Value Machine::Impl::name_global(std::string_view module, std::string_view name, bool computed, std::uint8_t opcode) {
  if (!table.empty()) {
    if (const auto entry = table.find(std::string(module)); entry != table.end()) {
      if (tag_of(entry->second) == Tag::module) {
        return intern(module_names[payload_of(entry->second)], std::string(name),
                      std::string(module) + "." + std::string(name), computed, false);
      }
      return attribute(entry->second, name);
    }
  }
  if (!grafts.empty()) {
    // The longest grafted prefix decides: torch, "manual_seed.a.system" with a graft at manual_seed.a.
    for (std::size_t end = name.size(); end != std::string_view::npos && end != 0; end = name.rfind('.', end - 1)) {
      const auto entry = grafts.find(std::string(module) + "\n" + std::string(name.substr(0, end)));
      if (entry == grafts.end()) continue;
      return end == name.size() ? entry->second : attribute(entry->second, name.substr(end + 1));
    }
  }
  const Value v = intern(std::string(module), std::string(name), {}, computed, false);
  Global& global = globals[payload_of(v)];
  if (global.opcode == 0) global.opcode = opcode;
  return v;
}

Value Machine::Impl::stack_global(Value module, Value name) {
  if (protocol < 4 && !proto_missing_seen) {
    proto_missing_seen = true;
    observer.on_anomaly(machine, Anomaly::proto_missing, here, op_stack_global);
  }
  const auto m = text(module);
  const auto n = text(name);
  if (!is_text(module) || !is_text(name) || !m || !n) {
    observer.on_dynamic_global(machine, module, name, here);
    return {};
  }
  return name_global(std::string(*m), std::string(*n), is_computed(module) || is_computed(name), op_stack_global);
}

Value Machine::Impl::attribute(Value base, std::string_view path) {
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t dot = std::min(path.find('.', start), path.size());
    const std::string_view part = path.substr(start, dot - start);
    start = dot + 1;
    if (tag_of(base) == Tag::module || tag_of(base) == Tag::global) {
      const bool is_module = tag_of(base) == Tag::module;
      const std::string module = is_module ? module_names[payload_of(base)] : globals[payload_of(base)].module;
      const std::string name =
          is_module ? std::string(part) : globals[payload_of(base)].name + "." + std::string(part);
      const auto entry = grafts.find(module + "\n" + name);
      base = entry != grafts.end() ? entry->second : intern(module, name, {}, false, true);
      continue;
    }
    if (is_cell(base, CellKind::object)) {
      if (const Value found = dict_find(parts(base).state, part); found != Value()) {
        base = found;
        continue;
      }
    }
    base = new_pair(CellKind::attribute, base, own_text(part, true, false));
    cell(base).flags |= f_matters;
  }
  return base;
}

Value Machine::Impl::call(std::uint8_t opcode, Value callable, Value args, Value kwargs, std::string_view via, int level) {
  observer.on_call(machine, {opcode, here, callable, args, kwargs, via});
  if (level >= k_max_level) return new_object(callable, args, kwargs);
  if (tag_of(callable) == Tag::global) {
    const Role role = roles[payload_of(callable)];
    if (role == Role::plain || role == Role::container) return new_object(callable, args, kwargs);
    return follow(role, callable, items(args, 4096), args, opcode, level);
  }
  if (tag_of(callable) != Tag::cell) return new_object(callable, args, kwargs);
  const Parts p = parts(callable);
  switch (cell(callable).kind) {
    case CellKind::partial: {
      std::vector<Value> all = items(p.args, 4096);
      const std::vector<Value> more = items(args, 4096);
      all.insert(all.end(), more.begin(), more.end());
      return call(opcode, p.callable, new_tuple(all), kwargs, "partial", level + 1);
    }
    case CellKind::getter: {
      const std::vector<Value> bound = items(p.args, 64);
      const std::vector<Value> given = items(args, 8);
      if (bound.empty() || given.empty()) break;
      const Role role = roles[payload_of(p.callable)];
      const auto name = text(bound[0]);
      if (role == Role::itemgetter) return follow(Role::getitem, callable, {given[0], bound[0]}, args, opcode, level);
      if (!name) break;
      const Value found = attribute(given[0], std::string(*name));
      if (role == Role::attrgetter) return found;
      return call(opcode, found, new_tuple(std::span(bound).subspan(1)), {}, "methodcaller", level + 1);
    }
    case CellKind::attribute: {
      const auto name = text(p.args);
      if (!name || !(is_text(p.callable) || text(p.callable))) break;
      std::vector<Value> all{p.callable};
      const std::vector<Value> more = items(args, 4096);
      all.insert(all.end(), more.begin(), more.end());
      if (const Role role = text_role(*name); role != Role::plain) {
        if (const Value v = text_method(role, all); v != Value()) return v;
      }
      break;
    }
    default: break;
  }
  return new_object(callable, args, kwargs);
}

Value Machine::Impl::follow(Role role, Value callable, const std::vector<Value>& args, Value args_tuple,
                            std::uint8_t opcode, int level) {
  const auto argument = [&](std::size_t i) { return i < args.size() ? args[i] : Value(); };
  const auto argument_text = [&](std::size_t i) -> std::optional<std::string> {
    const auto found = text(argument(i));
    return found ? std::optional<std::string>(*found) : std::nullopt;
  };
  switch (role) {
    case Role::getattr:
      if (const auto name = argument_text(1)) return attribute(argument(0), *name);
      break;
    case Role::attrgetter:
    case Role::itemgetter:
    case Role::methodcaller: {
      const Value v = new_pair(CellKind::getter, callable, args_tuple);
      cell(v).flags |= f_matters;
      return v;
    }
    case Role::getitem:
      if (tag_of(argument(0)) == Tag::global && roles[payload_of(argument(0))] == Role::module_table) {
        if (const auto name = argument_text(1)) return intern_module(*name);
      }
      if (const Value v = text_method(role, args); v != Value()) return v;
      if (const auto name = argument_text(1)) {
        if (const Value v = dict_find(argument(0), *name); v != Value()) return v;
      }
      break;
    case Role::import_module:
      for (std::size_t i = 0; i < args.size() && i < 2; ++i) {  // load_module may come with its receiver in front
        if (const auto name = argument_text(i)) return intern_module(*name);
      }
      break;
    case Role::import_top:
      // __import__("a.b") gives a, unless a list of names asks for the inner module.
      if (const auto name = argument_text(0)) {
        return intern_module(args.size() > 3 ? *name : name->substr(0, name->find('.')));
      }
      break;
    case Role::resolve_name:
      if (const auto name = argument_text(0)) {
        const std::size_t colon = name->find(':');
        const std::size_t cut = colon != std::string::npos ? colon : name->rfind('.');
        if (cut == std::string::npos || cut + 1 == name->size()) return intern_module(name->substr(0, cut));
        return intern(name->substr(0, cut), name->substr(cut + 1), {}, false, true);
      }
      observer.on_dynamic_global(machine, {}, argument(0), here);
      break;
    case Role::table_get:
      if (const auto name = argument_text(0)) {
        const auto entry = table.find(*name);
        return entry != table.end() ? entry->second : intern_module(*name);
      }
      break;
    case Role::table_write: {
      Value target = callable;
      std::vector<Value> pairs = args;
      if (args.size() == 3) {  // operator.setitem(target, key, value)
        target = args[0];
        if (tag_of(target) != Tag::global || roles[payload_of(target)] != Role::module_table) break;
        pairs.erase(pairs.begin());
      } else if (args.size() == 1) {
        pairs = items(args[0], 4096);
      }
      for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) table_write(pairs[i], pairs[i + 1]);
      observer.on_item_write(machine, {opcode, here, target, pairs.empty() ? Value() : pairs[0],
                                       pairs.size() > 1 ? pairs[1] : Value(), pairs.size() / 2, true});
      break;
    }
    case Role::setattr:
      if (const auto name = argument_text(1)) {
        const Value pair[] = {argument(1), argument(2)};
        const Value state = new_container(CellKind::dict, pair);
        if (tag_of(argument(0)) == Tag::global || tag_of(argument(0)) == Tag::module) graft(argument(0), state);
      }
      break;
    case Role::partial: {
      if (args.empty()) break;
      const Value v = new_pair(CellKind::partial, args[0], new_tuple(std::span(args).subspan(1)));
      cell(v).flags |= f_matters;
      return v;
    }
    case Role::first_argument:
    case Role::second_argument: {
      const std::size_t which = role == Role::first_argument ? 0 : 1;
      const Value f = argument(which);
      // functools.reduce(getattr, ["path", "system"], os) walks attributes.
      if (which == 0 && tag_of(f) == Tag::global && roles[payload_of(f)] == Role::getattr && args.size() >= 2) {
        std::vector<Value> names = items(args[1], 64);
        Value base = argument(2);
        std::size_t next = 0;
        if (args.size() == 2 && !names.empty()) base = names[next++];
        for (; next < names.size(); ++next) {
          const auto name = text(names[next]);
          if (!name) return new_object(callable, args_tuple, {});
          base = attribute(base, std::string(*name));
        }
        return base;
      }
      if (const Tag tag = tag_of(f); tag == Tag::none || tag == Tag::unknown) break;  // filter(None, …)
      std::vector<Value> rest(args.begin() + static_cast<std::ptrdiff_t>(std::min(args.size(), which + 1)), args.end());
      return call(opcode, f, new_tuple(rest), {}, globals[payload_of(callable)].name, level + 1);
    }
    case Role::reconstructor:
    case Role::newobj:
    case Role::newobj_ex: {
      if (args.empty()) break;
      std::vector<Value> rest(args.begin() + 1, args.end());
      Value inner = role == Role::newobj_ex ? argument(1) : new_tuple(rest);
      return call(opcode, args[0], inner, role == Role::newobj_ex ? argument(2) : Value(), globals[payload_of(callable)].name, level + 1);
    }
    case Role::rebuild_from_type: {
      if (args.size() < 3) break;
      return call(opcode, args[0], args[2], {}, "_rebuild_from_type_v2", level + 1);
    }
    case Role::join:
    case Role::replace:
    case Role::codec:
    case Role::concat:
    case Role::lower:
    case Role::upper:
    case Role::decode:
      if (const Value v = text_method(role, args); v != Value()) return v;
      break;
    case Role::slice:
    case Role::module_table:
    case Role::container:
    case Role::plain: break;
  }
  return new_object(callable, args_tuple, {});
}

void Machine::Impl::build(Value object, Value state) {
  const bool is_object = is_cell(object, CellKind::object);
  const bool planted = is_object && (cell(object).flags & f_setstate) != 0;
  observer.on_build(machine, {here, object, state, planted});
  if (is_object) {
    if (planted) {
      Value target = dict_find(parts(object).state, "__setstate__");
      for (const Value part : items(parts(object).state, 2)) {
        if (target == Value()) target = dict_find(part, "__setstate__");
      }
      call(op_build, target, new_tuple(std::span(&state, 1)), {}, "__setstate__");
      return;
    }
    set_state(object, state);
    if (matters(state)) {
      bool plants = dict_find(state, "__setstate__") != Value();
      if (is_cell(state, CellKind::tuple)) {
        for (const Value part : items(state, 2)) plants = plants || dict_find(part, "__setstate__") != Value();
      }
      if (plants) cell(object).flags |= f_setstate;
    }
    return;
  }
  if (tag_of(object) == Tag::global || tag_of(object) == Tag::module) graft(object, state);
}

void Machine::Impl::graft(Value target, Value state) {
  const std::string base = tag_of(target) == Tag::module
                               ? module_names[payload_of(target)] + "\n"
                               : globals[payload_of(target)].module + "\n" + globals[payload_of(target)].name + ".";
  std::vector<Value> states{state};
  if (!is_cell(state, CellKind::dict)) states = items(state, 2);
  for (const Value part : states) {
    const std::vector<Value> pairs = items(part, 4096);
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const auto key = text(pairs[i]);
      if (!key) continue;
      charge.add(base.size() + key->size() + 64);
      grafts[base + std::string(*key)] = pairs[i + 1];
    }
  }
}

void Machine::Impl::table_write(Value key, Value value) {
  const auto name = text(key);
  if (!name) return;
  charge.add(name->size() + 64);
  table[std::string(*name)] = value;
}

void Machine::Impl::write_item(std::uint8_t opcode, Value target, std::span<const Value> values, bool pairs) {
  if (tag_of(target) == Tag::cell) {
    Cell& c = cell(target);
    const bool fits = pairs ? c.kind == CellKind::dict
                            : opcode == op_additems ? c.kind == CellKind::set : c.kind == CellKind::list;
    constexpr std::size_t k_late = 65'536;
    const bool grows_late = (c.flags & f_referenced) != 0 && late.size() < k_late && expands(target) &&
                            std::any_of(values.begin(), values.end(), [&](Value v) { return expands(v); });
    if (grows_late) late.push_back(static_cast<std::uint32_t>(payload_of(target)));
    if (fits || c.kind == CellKind::object) extend(c, values);
    if (fits) return;
  }
  if (values.empty()) return;
  const bool is_table = tag_of(target) == Tag::global && roles[payload_of(target)] == Role::module_table;
  if (is_table && pairs) {
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) table_write(values[i], values[i + 1]);
  }
  observer.on_item_write(machine, {opcode, here, target, pairs ? values[0] : Value(), pairs ? values[1] : values[0],
                                   pairs ? values.size() / 2 : values.size(), is_table});
}

}  // namespace modelaudit::wire::pickle
