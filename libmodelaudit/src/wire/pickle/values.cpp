#include <cmath>
#include <limits>

#include "wire/pickle/impl.hpp"

namespace modelaudit::wire::pickle {

namespace {

constexpr std::uint64_t k_arena_chunk = std::uint64_t{1} << 20;
constexpr std::uint64_t k_no_segment = 0xffffffff;
constexpr std::size_t k_most_segments = 65'536;  ///< of one container, looked through at once

/// Segment header: items 32 bits, index of the segment before 31 bits, whether that lies in the live store.
constexpr std::uint64_t pack(std::uint32_t count, std::uint64_t previous) { return previous << 32 | count; }

}  // namespace

Machine::Impl::Impl(Machine& self, Observer& to, Budget& from, Options chosen)
    : machine(self), observer(to), budget(from), options(chosen), charge(from), memo(charge), last_memo(charge),
      cells(charge), live(charge) {}

Value Machine::Impl::own_text(std::string_view text, bool as_text, bool computed) {
  if (text.size() > k_arena_chunk) return {};
  if (arena.empty() || arena.back()->size() + text.size() > k_arena_chunk) {
    charge.add(arena.empty() ? 4096 : k_arena_chunk);
    arena.push_back(std::make_unique<std::string>());
    if (arena.size() > 1) arena.back()->reserve(k_arena_chunk);
  }
  const std::uint64_t offset = (arena.size() - 1) * k_arena_chunk + arena.back()->size();
  arena.back()->append(text);
  if (as_text && !computed && text.size() < k_span_size) return make_span(Tag::own, offset, text.size());
  far.push_back({offset, text.size(), as_text, true, computed});
  return make(Tag::far, far.size() - 1);
}

Value Machine::Impl::literal(bool as_text, std::uint64_t offset, ByteView data, std::uint64_t size) {
  // Names are short; of an input that cannot be looked up again only they are copied.
  if (!stable && as_text && size <= 512) return own_text(data.text(), true, false);
  if (size < k_span_size && offset <= k_span_offset) return make_span(as_text ? Tag::text : Tag::bytes, offset, size);
  far.push_back({offset, size, as_text, false, false});
  return make(Tag::far, far.size() - 1);
}

std::optional<std::string_view> Machine::Impl::from_input(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (size == 0) return std::string_view();
  auto after = std::upper_bound(windows.begin(), windows.end(), offset,
                                [](std::uint64_t at, const ByteView& w) { return at < w.offset(); });
  // Mostly the window right before; windows overlap where an operand crossed the end of one.
  for (int tries = 0; after != windows.begin() && tries < 8; ++tries) {
    --after;
    if (const auto part = after->sub(offset - after->offset(), size)) return part->text();
  }
  return std::nullopt;
}

std::optional<std::string_view> Machine::Impl::text(Value v) const noexcept {
  const std::uint64_t payload = payload_of(v);
  const auto from_arena = [&](std::uint64_t offset, std::uint64_t size) {
    return std::string_view(*arena[offset / k_arena_chunk]).substr(offset % k_arena_chunk, size);
  };
  switch (tag_of(v)) {
    case Tag::text:
    case Tag::bytes: return from_input(payload >> 20, payload & k_span_size);
    case Tag::own: return from_arena(payload >> 20, payload & k_span_size);
    case Tag::far: {
      const Far& f = far[payload];
      if (f.own) return from_arena(f.offset, f.size);
      return from_input(f.offset, f.size);
    }
    default: return std::nullopt;
  }
}

bool Machine::Impl::is_text(Value v) const noexcept {
  const Tag tag = tag_of(v);
  return tag == Tag::text || tag == Tag::own || (tag == Tag::far && far[payload_of(v)].is_text);
}

bool Machine::Impl::is_computed(Value v) const noexcept { return tag_of(v) == Tag::far && far[payload_of(v)].computed; }

/// Comparing, hashing, printing and freeing goes through plain containers; instances stand for themselves. Graphs of
/// instances with shared parts are ordinary, and huge when counted as trees.
bool Machine::Impl::expands(Value v) const noexcept {
  if (tag_of(v) != Tag::cell) return tag_of(v) == Tag::small;
  const Cell& c = cell(v);
  if (c.kind != CellKind::object) return c.kind != CellKind::attribute && c.kind != CellKind::getter;
  return c.count != 0 && roles[c.count - 1] == Role::container;
}

double Machine::Impl::size_of(Value v) const noexcept {
  if (tag_of(v) == Tag::small) return static_cast<double>(payload_of(v) & 0xffff);
  return expands(v) ? static_cast<double>(cell(v).size) : 1;
}

std::uint32_t Machine::Impl::depth_of(Value v) const noexcept {
  if (tag_of(v) == Tag::small) return static_cast<std::uint32_t>(payload_of(v) >> 16 & 0xfff);
  return expands(v) ? cell(v).depth : 0;
}

bool Machine::Impl::matters(Value v) const noexcept {
  switch (tag_of(v)) {
    case Tag::global:
    case Tag::module:
    case Tag::extension: return true;
    case Tag::cell: return (cell(v).flags & f_matters) != 0;
    default: return false;
  }
}

Value Machine::Impl::new_cell(CellKind kind) {
  cells.push_back(Cell{.kind = kind});
  return make(Tag::cell, cells.size() - 1);
}

std::uint32_t Machine::Impl::write_segment(std::span<const Value> values, std::uint64_t previous, bool in_live) {
  const std::uint64_t header = pack(static_cast<std::uint32_t>(values.size()), previous);
  if (in_live) {
    const auto index = static_cast<std::uint32_t>(live.size());
    live.push_back(header);
    for (const Value v : values) live.push_back(v.bits());
    return index;
  }
  const std::uint32_t index = ring.reserve(values.size() + 1);
  ring.put(index, header);
  for (std::uint32_t i = 0; i < values.size(); ++i) ring.put(index + 1 + i, values[i].bits());
  return index;
}

void Machine::Impl::weigh(const Cell& c) {
  // A container that expands to a million times what the stream is long was built to exhaust the reader.
  if (!expansion_seen && c.size > 1e6 * static_cast<double>(ops - ops_at_start + 64)) {
    expansion_seen = true;
    observer.on_anomaly(machine, Anomaly::expansion, here, c.size > 9e18 ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(c.size));
  }
  if (!depth_seen && c.depth > k_deep) {
    depth_seen = true;
    observer.on_anomaly(machine, Anomaly::depth, here, c.depth);
  }
}

void Machine::Impl::weigh_late() {
  // Built from the top down, containers are empty when they are put into others: sizes are only known at the end.
  if (late.empty() || expansion_seen) return;
  constexpr std::size_t k_visits = 2'000'000;
  struct Frame {
    Value value;
    std::vector<Value> items;
    std::size_t next = 0;
    double size = 1;
    std::uint32_t depth = 0;
    bool cyclic = false;
  };
  struct Weight {
    double size = 0;  ///< 0: being weighed
    std::uint32_t depth = 0;
    bool cyclic = false;  ///< leads into a cycle: graphs do, bombs need not, and no size can be given
  };
  std::unordered_map<std::uint64_t, Weight> done;
  std::size_t visits = 0;
  Cell worst;
  std::uint32_t deepest = 0;
  double largest = 0;
  std::vector<Frame> frames;
  const auto enter = [&](Value v) {
    done.emplace(v.bits(), Weight{});
    frames.push_back({v, items(v, 65'536), 0, 1, 0, false});
    visits += frames.back().items.size() + 1;
  };
  for (const std::uint32_t index : late) {
    const Value root = make(Tag::cell, index);
    if (done.contains(root.bits())) continue;
    enter(root);
    while (!frames.empty() && visits < k_visits) {
      Frame& top = frames.back();
      if (top.next < top.items.size()) {
        const Value child = top.items[top.next++];
        if (!expands(child)) {
          top.size += 1;
        } else if (const auto known = done.find(child.bits()); known != done.end()) {
          top.size += known->second.size;
          top.depth = std::max(top.depth, known->second.depth);
          top.cyclic = top.cyclic || known->second.cyclic || known->second.size == 0;
        } else {
          enter(child);
        }
        continue;
      }
      const Weight weight{top.size, top.depth + 1, top.cyclic};
      done[top.value.bits()] = weight;
      if (!weight.cyclic) {
        largest = std::max(largest, weight.size);
        deepest = std::max(deepest, weight.depth);
      }
      frames.pop_back();
      if (frames.empty()) break;
      frames.back().size += weight.size;
      frames.back().depth = std::max(frames.back().depth, weight.depth);
      frames.back().cyclic = frames.back().cyclic || weight.cyclic;
    }
    if (visits >= k_visits) break;
  }
  late.clear();
  budget.charge_opcodes(visits / 16);
  worst.size = static_cast<float>(std::min(largest, 1e38));
  worst.depth = static_cast<std::uint16_t>(std::min<std::uint32_t>(deepest, 0xffff));
  weigh(worst);
}

void Machine::Impl::extend(Cell& c, std::span<const Value> values) {
  double size = 0;
  std::uint32_t depth = 0;
  bool important = false;
  for (const Value v : values) {
    size += size_of(v);
    depth = std::max(depth, depth_of(v));
    important = important || matters(v);
    refer(v);
  }
  c.size = static_cast<float>(static_cast<double>(c.size) + size);
  c.depth = static_cast<std::uint16_t>(std::min<std::uint32_t>(std::max<std::uint32_t>(c.depth, depth + 1), 0xffff));
  if (c.kind != CellKind::object) {
    c.count += static_cast<std::uint32_t>(values.size());
    if (important || ring.fits(values.size() + 1)) {
      std::uint64_t previous = k_no_segment;
      if ((c.flags & f_has_segment) != 0) {
        previous = std::uint64_t{c.head & 0x7fffffffU} | ((c.flags & f_head_live) != 0 ? 0x80000000U : 0U);
      }
      c.head = write_segment(values, previous, important);
      c.flags = static_cast<std::uint8_t>((c.flags & ~f_head_live) | f_has_segment | (important ? f_head_live | f_matters : 0));
    } else {
      c.flags |= f_forgotten;
    }
  }
  if (c.size > 1e6F || c.depth > k_deep) weigh(c);
}

Value Machine::Impl::new_container(CellKind kind, std::span<const Value> values) {
  const Value v = new_cell(kind);
  if (!values.empty()) extend(cell(v), values);
  return v;
}

Value Machine::Impl::new_tuple(std::span<const Value> values) {
  double size = 1;
  std::uint32_t depth = 0;
  for (const Value v : values) {
    if (matters(v)) return new_container(CellKind::tuple, values);
    size += size_of(v);
    depth = std::max(depth, depth_of(v));
    refer(v);
  }
  if (size > 0xffff || depth >= 0xfff || !ring.fits(values.size() + 1)) return new_container(CellKind::tuple, values);
  const std::uint64_t index = write_segment(values, k_no_segment, false);
  return make(Tag::small, index << 28 | std::uint64_t{depth + 1} << 16 | static_cast<std::uint64_t>(size));
}

Value Machine::Impl::new_pair(CellKind kind, Value a, Value b) {
  const Value both[] = {a, b};
  const Value v = new_cell(kind);
  Cell& c = cell(v);
  extend(c, both);
  return v;
}

Value Machine::Impl::new_object(Value callable, Value args, Value kwargs) {
  const Value v = new_cell(CellKind::object);
  Cell& c = cell(v);
  c.size = static_cast<float>(1 + size_of(args) + (kwargs == Value() ? 0 : size_of(kwargs)));
  c.depth = static_cast<std::uint16_t>(std::min<std::uint32_t>(1 + depth_of(args), 0xffff));
  refer(args);
  const bool plain = tag_of(callable) == Tag::global;
  if (plain) c.count = static_cast<std::uint32_t>(payload_of(callable)) + 1;
  const Value parts[] = {callable, args, Value()};
  const bool keep = !plain || matters(args);
  c.head = write_segment(parts, k_no_segment, keep);
  c.flags = static_cast<std::uint8_t>(f_has_segment | (keep ? f_head_live : 0) | (plain ? 0 : f_matters));
  if (c.size > 1e6F || c.depth > k_deep) weigh(c);
  return v;
}

void Machine::Impl::set_state(Value object, Value state) {
  const Parts old = parts(object);
  Cell& c = cell(object);
  refer(state);
  c.size += static_cast<float>(size_of(state));
  c.depth = static_cast<std::uint16_t>(std::min<std::uint32_t>(std::max<std::uint32_t>(c.depth, 1 + depth_of(state)), 0xffff));
  const bool keep = (c.flags & f_head_live) != 0 || matters(state);
  const Value now[] = {old.callable, old.args, state};
  c.head = write_segment(now, k_no_segment, keep);
  c.flags = static_cast<std::uint8_t>((c.flags & ~f_head_live) | f_has_segment | (keep ? f_head_live : 0));
  if (c.size > 1e6F || c.depth > k_deep) weigh(c);
}

std::vector<Value> Machine::Impl::items(Value v, std::size_t limit, bool* all) const {
  struct Segment {
    std::uint32_t index, count;
    bool in_live;
  };
  std::vector<Segment> segments;
  std::uint32_t index = 0;
  bool in_live = false;
  bool more = false;
  bool known = true;
  if (tag_of(v) == Tag::small) {
    index = static_cast<std::uint32_t>(payload_of(v) >> 28);
    more = true;
  } else if (tag_of(v) == Tag::cell) {
    const Cell& c = cell(v);
    index = c.head;
    in_live = (c.flags & f_head_live) != 0;
    more = (c.flags & f_has_segment) != 0;
    known = (c.flags & f_forgotten) == 0;
  } else {
    known = false;
  }
  // Segments run from the newest to the oldest: listed backwards, read forwards.
  while (more) {
    if ((!in_live && !ring.alive(index)) || segments.size() >= k_most_segments) {
      known = false;
      break;
    }
    const std::uint64_t header = in_live ? live[index] : ring.at(index);
    segments.push_back({index, static_cast<std::uint32_t>(header), in_live});
    const auto previous = static_cast<std::uint32_t>(header >> 32);
    more = previous != k_no_segment;
    in_live = (previous & 0x80000000U) != 0;
    index = previous & 0x7fffffffU;
    if (!in_live && more) {
      // The ring's index lost its top bit in the header; the nearest index with those bits is the one.
      const std::uint32_t full = index | 0x80000000U;
      if (!ring.alive(index) && ring.alive(full)) index = full;
    }
  }
  std::vector<Value> out;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    for (std::uint32_t i = 1; i <= segment->count; ++i) {
      if (out.size() == limit) {
        known = false;
        break;
      }
      out.emplace_back(segment->in_live ? live[segment->index + i] : ring.at(segment->index + i));
    }
    if (out.size() == limit && !known) break;
  }
  if (all != nullptr) *all = known;
  return out;
}

Machine::Parts Machine::Impl::parts(Value v) const {
  Parts p;
  if (tag_of(v) != Tag::cell) return p;
  const Cell& c = cell(v);
  const std::vector<Value> kept = items(v, 8);
  switch (c.kind) {
    case CellKind::object:
      if (kept.size() == 3) return {kept[0], kept[1], kept[2]};
      if (c.count != 0) p.callable = make(Tag::global, c.count - 1);
      return p;
    case CellKind::attribute:
    case CellKind::partial:
    case CellKind::getter:
      if (kept.size() == 2) return {kept[0], kept[1], {}};
      return p;
    case CellKind::persistent:
      if (kept.size() == 2) p.args = kept[0];
      return p;
    default: return p;
  }
}

Value Machine::Impl::dict_find(Value dict, std::string_view key) const {
  if (!is_cell(dict, CellKind::dict)) return {};
  const std::vector<Value> pairs = items(dict, 65536);
  budget.charge_opcodes(pairs.size() / 16);  // looking again and again into one large dict is work too
  Value found;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (const auto name = text(pairs[i]); name && *name == key) found = pairs[i + 1];
  }
  return found;
}

}  // namespace modelaudit::wire::pickle
