#include "formats/pickle/search.hpp"

#include <algorithm>

#include "detect/python_globals.hpp"
#include "wire/pickle/view_reader.hpp"
#include "wire/pickle/walk.hpp"

namespace modelaudit::formats::pickles {

namespace {

constexpr std::uint64_t k_step = std::uint64_t{256} << 10;
constexpr std::uint64_t k_overlap = 4096;   ///< a hit's first opcodes lie within so many bytes
constexpr std::uint64_t k_line = 256;

/// Two lines of names behind GLOBAL or INST: cheap enough for every letter c and i.
struct Names {
  std::string_view module, name;
};
std::optional<Names> names_at(ByteView view, std::uint64_t at) {
  const auto line = [&](std::uint64_t from) -> std::optional<std::string_view> {
    for (std::uint64_t i = from; i < view.size() && i < from + k_line; ++i) {
      const std::uint8_t c = view[i];
      if (c == '\n') return i == from ? std::nullopt : std::optional(view.clip(from, i - from).text());
      if (c <= ' ' && c != '\r') return std::nullopt;
    }
    return std::nullopt;
  };
  const auto module = line(at + 1);
  if (!module || !wire::pickle::is_name_like(*module)) return std::nullopt;
  const auto name = line(at + 2 + module->size());
  if (!name || !wire::pickle::is_name_like(*name)) return std::nullopt;
  return Names{*module, *name};
}

bool is_stream(ByteView view) {
  wire::pickle::ViewReader in(view);
  const wire::pickle::Walk w = walk(in, 256);
  return w.globals != 0 && w.opcodes >= 4 && (w.stopped || w.calls != 0 || w.opcodes >= 8 || w.cut);
}

std::optional<Hit> look_at(ByteView view, std::uint64_t i) {
  const std::uint8_t c = view[i];
  if (c == 0x80) {
    if (i + 2 >= view.size() || view[i + 1] > 5 || view[i + 1] < 1) return std::nullopt;
    if (is_stream(view.from(i))) return Hit{view.offset() + i, false, {}, {}};
    return std::nullopt;
  }
  const auto names = names_at(view, i);
  if (!names) return std::nullopt;
  if (c == 'c' && is_stream(view.from(i))) return Hit{view.offset() + i, false, {}, {}};
  // In front of an INST stand a mark and any arguments: the name alone must tell.
  if (detect::judge_global(names->module, names->name, true).kind == detect::GlobalKind::critical) {
    return Hit{view.offset() + i, true, std::string(names->module), std::string(names->name)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Hit> find_stream(ForwardReader& in, std::uint64_t limit, Budget& budget) {
  while (limit != 0) {
    budget.checkpoint();
    const ByteView view = in.window(std::min(k_step, in.max_window()));
    if (view.empty()) return std::nullopt;
    const bool last = view.size() < k_step && view.size() < in.max_window();
    const std::uint64_t end = std::min<std::uint64_t>(limit, last || view.size() <= k_overlap ? view.size() : view.size() - k_overlap);
    for (std::uint64_t i = 0; i < end; ++i) {
      const std::uint8_t c = view[i];
      if (c != 0x80 && c != 'c' && c != 'i') continue;
      if (auto hit = look_at(view, i)) {
        in.advance(i);
        return hit;
      }
    }
    in.advance(end);
    limit -= end;
    if (last) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace modelaudit::formats::pickles
