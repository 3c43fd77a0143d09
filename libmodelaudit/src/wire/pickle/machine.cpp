#include "wire/pickle/machine.hpp"

#include "wire/pickle/impl.hpp"

namespace modelaudit::wire::pickle {

Observer::~Observer() = default;

std::pair<std::string, std::string> Observer::canonical(const Global& global) {
  // The two translations without which no protocol 2 stream can be followed; observers with tables know all.
  std::string module = global.module;
  if (global.python2_names && module == "__builtin__") module = "builtins";
  if (global.python2_names && module == "copy_reg") module = "copyreg";
  return {std::move(module), global.name};
}

Machine::Machine(Observer& observer, Budget& budget, Options options)
    : impl_(std::make_unique<Impl>(*this, observer, budget, options)) {}
Machine::~Machine() = default;

RunEnd Machine::run(ForwardReader& in) { return impl_->run(in); }
void Machine::interrupt() const noexcept { impl_->interrupted = true; }

void Machine::next_stream() {
  Impl& m = *impl_;
  m.stack.clear();
  m.marks.clear();
  m.last_memo.swap(m.memo);
  m.last_sparse.swap(m.sparse);
  m.memo.clear();
  m.sparse.clear();
  m.memo_holes = 0;
  m.late.clear();
  m.result = Value();
  m.protocol = 0;
  m.started = false;
  m.ops_at_start = m.ops;
  m.expansion_seen = m.depth_seen = m.proto_missing_seen = false;
}

void Machine::enter_inner() {
  Impl& m = *impl_;
  auto aside = std::make_unique<Suspended>(Suspended{{}, {}, Chunked<Value>(m.charge), {}, m.memo_holes, m.protocol});
  aside->stack.swap(m.stack);
  aside->marks.swap(m.marks);
  aside->memo.swap(m.memo);
  aside->sparse.swap(m.sparse);
  m.memo_holes = 0;
  m.protocol = 0;
  m.started = false;
  m.ops_at_start = m.ops;
  m.suspended.push_back(std::move(aside));
}

void Machine::leave_inner() {
  Impl& m = *impl_;
  Suspended& aside = *m.suspended.back();
  m.stack.swap(aside.stack);
  m.marks.swap(aside.marks);
  m.memo.swap(aside.memo);
  m.sparse.swap(aside.sparse);
  m.memo_holes = aside.memo_holes;
  m.protocol = aside.protocol;
  m.started = true;
  m.suspended.pop_back();
}

Value Machine::result() const noexcept { return impl_->result; }
std::uint8_t Machine::protocol() const noexcept { return impl_->protocol; }
std::uint64_t Machine::opcodes() const noexcept { return impl_->ops; }
std::uint64_t Machine::memo_entries() const noexcept {
  return impl_->memo.size() - impl_->memo_holes + impl_->sparse.size();
}
const std::vector<Global>& Machine::globals() const noexcept { return impl_->globals; }

Kind Machine::kind(Value v) const noexcept {
  switch (tag_of(v)) {
    case Tag::unknown: return Kind::unknown;
    case Tag::none: return Kind::none;
    case Tag::boolean: return Kind::boolean;
    case Tag::integer:
    case Tag::big: return Kind::integer;
    case Tag::real: return Kind::real;
    case Tag::text:
    case Tag::own: return Kind::text;
    case Tag::bytes: return Kind::bytes;
    case Tag::far: return impl_->far[payload_of(v)].is_text ? Kind::text : Kind::bytes;
    case Tag::small: return Kind::tuple;
    case Tag::global: return Kind::global;
    case Tag::module: return Kind::module;
    case Tag::extension: return Kind::extension;
    case Tag::cell: break;
  }
  switch (impl_->cell(v).kind) {
    case CellKind::tuple: return Kind::tuple;
    case CellKind::list: return Kind::list;
    case CellKind::dict: return Kind::dict;
    case CellKind::set: return Kind::set;
    case CellKind::attribute: return Kind::attribute;
    case CellKind::persistent: return Kind::persistent;
    case CellKind::object:
    case CellKind::partial:
    case CellKind::getter: return Kind::object;
  }
  return Kind::unknown;
}

std::optional<std::int64_t> Machine::integer(Value v) const noexcept {
  if (tag_of(v) != Tag::integer && tag_of(v) != Tag::boolean) return std::nullopt;
  return static_cast<std::int64_t>(v.bits()) >> 4;
}

std::optional<std::string_view> Machine::text(Value v) const noexcept { return impl_->text(v); }

std::optional<ByteRange> Machine::extent(Value v) const noexcept {
  const std::uint64_t payload = payload_of(v);
  if (tag_of(v) == Tag::text || tag_of(v) == Tag::bytes) return ByteRange{payload >> 20, payload & k_span_size};
  if (tag_of(v) == Tag::far && !impl_->far[payload].own) return ByteRange{impl_->far[payload].offset, impl_->far[payload].size};
  return std::nullopt;
}

std::vector<Value> Machine::items(Value v, std::size_t limit) const {
  const Kind k = kind(v);
  if (k != Kind::tuple && k != Kind::list && k != Kind::dict && k != Kind::set) return {};
  return impl_->items(v, limit);
}

bool Machine::items_known(Value v) const noexcept {
  bool all = false;
  (void)impl_->items(v, std::size_t{1} << 20, &all);
  return all;
}

std::uint64_t Machine::length(Value v) const noexcept {
  if (tag_of(v) == Tag::small) return impl_->items(v, 1 << 16).size();
  return tag_of(v) == Tag::cell ? impl_->cell(v).count : 0;
}

const Global* Machine::global(Value v) const noexcept {
  return tag_of(v) == Tag::global ? &impl_->globals[payload_of(v)] : nullptr;
}
std::uint32_t Machine::global_index(Value v) const noexcept { return static_cast<std::uint32_t>(payload_of(v)); }
std::string_view Machine::module_name(Value v) const noexcept {
  return tag_of(v) == Tag::module ? std::string_view(impl_->module_names[payload_of(v)]) : std::string_view();
}
Machine::Parts Machine::parts(Value v) const { return impl_->parts(v); }
std::string Machine::describe(Value v, std::size_t limit) const { return impl_->describe(v, limit, 0); }

std::string Machine::Impl::describe(Value v, std::size_t limit, int level) const {
  const auto list = [&](std::string_view open, const std::vector<Value>& values, std::string_view close) {
    std::string out(open);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (out.size() > limit || level > 3) {
        out += "...";
        break;
      }
      if (i != 0) out += ", ";
      out += describe(values[i], limit - std::min(limit, out.size()), level + 1);
    }
    return out.append(close);
  };
  switch (machine.kind(v)) {
    case Kind::unknown: return "?";
    case Kind::none: return "None";
    case Kind::boolean: return payload_of(v) != 0 ? "True" : "False";
    case Kind::integer:
      if (const auto n = machine.integer(v)) return std::to_string(*n);
      return "<large integer>";
    case Kind::real: return "<float>";
    case Kind::text:
    case Kind::bytes: {
      const auto content = text(v);
      if (!content) return machine.kind(v) == Kind::text ? "<text>" : "<bytes>";
      std::string out(machine.kind(v) == Kind::text ? "'" : "b'");
      out += content->substr(0, std::max<std::size_t>(limit, 16));
      return out.append(content->size() > std::max<std::size_t>(limit, 16) ? "...'" : "'");
    }
    case Kind::tuple: return list("(", items(v, 32), ")");
    case Kind::list: return list("[", items(v, 32), "]");
    case Kind::dict: return list("{", items(v, 32), "}");
    case Kind::set: return list("{", items(v, 32), "}");
    case Kind::global: return globals[payload_of(v)].module + "." + globals[payload_of(v)].name;
    case Kind::module: return "<module " + module_names[payload_of(v)] + ">";
    case Kind::object: {
      if (level > 3) return "<object>";
      const Parts p = parts(v);
      return describe(p.callable, limit, level + 1) + describe(p.args, limit, level + 1);
    }
    case Kind::attribute: {
      if (level > 3) return "<attribute>";
      const Parts p = parts(v);
      const auto name = text(p.args);
      return describe(p.callable, limit, level + 1) + "." + std::string(name.value_or("?"));
    }
    case Kind::extension: return "<extension " + std::to_string(static_cast<std::int32_t>(payload_of(v))) + ">";
    case Kind::persistent: return "<persistent " + describe(parts(v).args, limit, level + 1) + ">";
  }
  return "?";
}

}  // namespace modelaudit::wire::pickle
