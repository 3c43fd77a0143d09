#include "formats/pickle/probe.hpp"

#include <algorithm>

#include "detect/python_globals.hpp"

namespace modelaudit::formats::pickles {

namespace {

using wire::pickle::Walk;

constexpr std::uint64_t k_walk = 4096;          ///< opcodes looked at in all
constexpr std::uint64_t k_enough = 64;          ///< so many valid opcodes in a row are no chance
constexpr std::string_view k_torch_legacy("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15);

/// The probe's input in order; large operands are stepped over without being read.
class ProbeReader final : public ForwardReader {
 public:
  explicit ProbeReader(const Probe& probe) : probe_(probe) {}
  std::uint64_t position() const noexcept override { return at_; }
  ByteView window(std::uint64_t min) override { return probe_.bytes(at_, std::min(std::max(min, k_step), max_window())); }
  std::uint64_t advance(std::uint64_t n) override {
    if (const auto total = probe_.size()) n = std::min(n, *total - std::min(*total, at_));
    at_ += n;
    return n;
  }
  std::uint64_t max_window() const noexcept override { return std::uint64_t{1} << 16; }
  bool stable() const noexcept override { return true; }
  std::optional<std::uint64_t> size() const noexcept override { return probe_.size(); }

 private:
  static constexpr std::uint64_t k_step = 1024;
  const Probe& probe_;
  std::uint64_t at_ = 0;
};

class DangerListener final : public wire::pickle::WalkListener {
 public:
  bool seen = false;
  void on_name(std::string_view module, std::string_view name) override {
    seen = seen || detect::judge_global(module, name, true).kind == detect::GlobalKind::critical;
  }
};

/// Passes over what may lie between streams.
bool skip_padding(ForwardReader& in) {
  for (;;) {
    const ByteView window = in.window(1);
    if (window.empty()) return false;
    std::uint64_t n = 0;
    while (n < window.size() && (window[n] == 0 || window[n] == 9 || window[n] == 10 || window[n] == 13 || window[n] == 32)) ++n;
    in.advance(n);
    if (n < window.size()) return true;
  }
}

}  // namespace

Likeness likeness(ForwardReader& in) {
  std::uint64_t opcodes = 0;
  bool attempt = false;
  for (int streams = 0; streams < 64 && opcodes < k_walk; ++streams) {
    DangerListener danger;
    const std::uint64_t begin = in.position();
    const Walk w = walk(in, k_walk - opcodes, &danger);
    opcodes += w.opcodes;
    attempt = attempt || w.opcodes >= 3 || (w.has_proto && w.opcodes >= 1);
    if (w.has_frame || danger.seen || opcodes >= k_enough) return Likeness::certain;
    if (w.globals != 0 && (w.calls != 0 || w.stopped)) return Likeness::certain;
    if (w.has_proto && (w.stopped || w.opcodes >= 4)) return Likeness::certain;
    if (!w.stopped) break;
    // An inert stream without PROTO: certain when it is all there is, or when more streams follow.
    if (w.end > in.position()) in.advance(w.end - in.position());
    if (!skip_padding(in)) return w.end - begin >= 2 ? Likeness::certain : Likeness::attempt;
  }
  return attempt ? Likeness::attempt : Likeness::none;
}

Likeness likeness(const Probe& probe) {
  ProbeReader in(probe);
  return likeness(in);
}

bool is_torch_legacy(ByteView head) noexcept { return head.starts_with(k_torch_legacy); }

bool is_pickle_role(std::string_view role) noexcept {
  constexpr std::string_view k_roles[] = {"pickle", "pytorch-data", "torchscript-archive-data", "numpy-object-data", "joblib-inner"};
  return std::find(std::begin(k_roles), std::end(k_roles), role) != std::end(k_roles);
}

bool has_pure_pickle_name(const Probe& probe) {
  constexpr std::string_view k_suffixes[] = {".pkl", ".pickle", ".p", ".pk", ".dill", ".joblib", ".sav", ".cloudpickle", ".cpkl", ".pdparams", ".pdopt"};
  return std::any_of(std::begin(k_suffixes), std::end(k_suffixes), [&](std::string_view s) { return probe.name_ends_with(s); });
}

bool has_pickle_name(const Probe& probe) {
  constexpr std::string_view k_suffixes[] = {".dat", ".data", ".bin", ".pt", ".pth", ".ckpt", ".model", ".npy", ".metadata"};
  return has_pure_pickle_name(probe) ||
         std::any_of(std::begin(k_suffixes), std::end(k_suffixes), [&](std::string_view s) { return probe.name_ends_with(s); });
}

}  // namespace modelaudit::formats::pickles
