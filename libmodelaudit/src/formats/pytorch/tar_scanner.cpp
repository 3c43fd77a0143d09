#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "detect/tensor_bytes.hpp"
#include "formats/pytorch/element_sizes.hpp"
#include "io/range_reader.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"
#include "wire/pickle/machine.hpp"
#include "wire/tar/archive.hpp"
#include "wire/torch/archive_names.hpp"

namespace modelaudit::formats {

namespace pytorch {

namespace {

using wire::pickle::Kind;
using wire::pickle::RunStatus;
using wire::tar::Member;

constexpr std::uint64_t k_most_probed = 64;  // members looked at to recognise the layout
constexpr std::uint64_t k_glance = 64;
constexpr std::uint64_t k_largest_rank = 64;

template <typename Read>
wire::tar::Source make_source(std::uint64_t size, Read read) {
  wire::tar::Source source;
  source.size = size;
  source.bytes = [size, read](std::uint64_t offset, std::uint64_t length) {
    if (offset >= size) return ByteView({}, size);
    return ByteView(read(offset, std::min(length, size - offset)).span(), offset);
  };
  return source;
}

bool is_layout(const wire::tar::Archive& archive) {
  std::vector<std::string> names;
  for (const Member& member : archive.members) names.push_back(member.name);
  return wire::torch::is_tar_layout(names);
}

/// The members `storages` and `tensors`: pickles with raw data between them, in the order of torch 0.1's
/// serialization.py. Each pickle is a child, each run of raw data a declared region.
class TarFile {
 public:
  explicit TarFile(ScanContext& context) : ctx_(context) {}

  void scan() {
    const auto source = make_source(ctx_.size(), [this](std::uint64_t o, std::uint64_t n) { return ctx_.bytes(o, n); });
    const auto archive = wire::tar::read_archive(source, k_most_probed);
    ctx_.report(Finding(rules::pytorch_tar_legacy, "A checkpoint in the layout of PyTorch 0.1", ctx_.at(0)));
    for (const Member& member : archive.members) {
      if (member.name == "storages") read_storages(member);
      if (member.name == "tensors") read_tensors(member);
    }
  }

 private:
  /// What one pickle of a sequence held.
  struct Item {
    std::optional<std::int64_t> number;       ///< when it is one
    std::optional<std::uint64_t> element_size;  ///< of a storage's type
    std::uint64_t end = 0;                    ///< relative to the member
  };

  /// Runs the pickle at `at` (relative to the member) and hands it on. Nothing: it has no end, the rest was handed on.
  std::optional<Item> read_pickle(const Member& member, std::uint64_t at) {
    if (at >= member.data.length) return std::nullopt;
    const ByteRange rest{member.data.offset + at, member.data.length - at};
    io::RangeReader reader(ctx_, rest);
    wire::pickle::Observer silent;
    wire::pickle::Machine machine(silent, ctx_.budget());
    const auto end = machine.run(reader);
    const bool has_end = end.status == RunStatus::stopped;
    scan_range({rest.offset, has_end ? end.offset : rest.length}, member.name + (at == 0 ? "" : " at " + std::to_string(at)), "pytorch-data");
    if (!has_end) return std::nullopt;
    Item item;
    item.end = at + end.offset;
    item.number = machine.integer(machine.result());
    for (const auto value : machine.items(machine.result(), 8)) {  // (key, location, storage type)
      if (const auto* type = machine.global(value)) item.element_size = storage_element_size(type->name);
    }
    return item;
  }

  void scan_range(ByteRange range, std::string name, std::string role) {
    Child child;
    child.name = std::move(name);
    child.content = range;
    child.role = std::move(role);
    ctx_.scan_child(std::move(child));
  }

  /// What follows the part that could be placed: pickles, or something that is not understood.
  void scan_rest(const Member& member, std::uint64_t at) {
    if (at < member.data.length) {
      scan_range({member.data.offset + at, member.data.length - at}, member.name + " at " + std::to_string(at), "pytorch-data");
    }
  }

  /// int n; n x (pickle of (key, location, type); int64 elements; raw data); a pickle of views.
  void read_storages(const Member& member) {
    auto item = read_pickle(member, 0);
    if (!item) return;
    std::uint64_t at = item->end;
    for (std::int64_t i = 0; i < item->number.value_or(0); ++i) {
      ctx_.budget().checkpoint();
      const auto storage = read_pickle(member, at);
      if (!storage) return;
      const ByteView count = ctx_.bytes(member.data.offset + storage->end, std::min<std::uint64_t>(8, member.data.length - storage->end));
      const auto elements = count.le<std::uint64_t>(0);
      const auto length = elements && storage->element_size ? checked_mul(*elements, *storage->element_size) : std::nullopt;
      const std::uint64_t start = storage->end + count.size();
      if (!length || *length > member.data.length - start) {
        ctx_.inconclusive(GapKind::truncated, "pytorch-tar: a storage of unknown size", ctx_.at(member.data.offset + storage->end));
        return scan_rest(member, storage->end);
      }
      ctx_.cover(member.data.offset + storage->end, count.size());
      glance({member.data.offset + start, *length});
      at = start + *length;
    }
    scan_rest(member, at);
  }

  /// int n; n x (pickle of (key, storage, type); int32 rank; 4 bytes; rank x int64 size; rank x int64 stride; int64 offset).
  void read_tensors(const Member& member) {
    auto item = read_pickle(member, 0);
    if (!item) return;
    std::uint64_t at = item->end;
    for (std::int64_t i = 0; i < item->number.value_or(0); ++i) {
      ctx_.budget().checkpoint();
      const auto tensor = read_pickle(member, at);
      if (!tensor) return;
      const std::uint64_t rest = member.data.length - tensor->end;
      const auto rank = ctx_.bytes(member.data.offset + tensor->end, std::min<std::uint64_t>(4, rest)).le<std::uint32_t>(0);
      const std::uint64_t length = 8 + 16 * std::min<std::uint64_t>(rank.value_or(0), k_largest_rank) + 8;
      if (!rank || *rank > k_largest_rank || length > rest) {
        ctx_.inconclusive(GapKind::truncated, "pytorch-tar: a tensor without its sizes", ctx_.at(member.data.offset + tensor->end));
        return scan_rest(member, tensor->end);
      }
      ctx_.cover(member.data.offset + tensor->end, length);
      at = tensor->end + length;
    }
    scan_rest(member, at);
  }

  void glance(ByteRange data) {
    const ByteView start = ctx_.bytes(data.offset, std::min(data.length, k_glance));
    const auto more = [&] { return std::make_unique<io::RangeReader>(ctx_, data); };
    if (ctx_.deep() || detect::is_more_than_weights(ctx_, start, more)) return scan_range(data, "storages at " + std::to_string(data.offset), "");
    ctx_.cover_declared(data.offset, data.length);
  }

  ScanContext& ctx_;
};

class TarScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo k_info{"pytorch-tar", 1, "PyTorch checkpoints of 0.1: a tar of pickles", {".pt", ".pth", ".tar"}, false, true};
    return k_info;
  }
  Match match(const Probe& probe) const override {
    if (probe.is_stream()) return Match::no;
    const auto source = make_source(*probe.size(), [&probe](std::uint64_t o, std::uint64_t n) { return probe.bytes(o, n); });
    if (!wire::tar::is_tar(source)) return Match::no;
    return is_layout(wire::tar::read_archive(source, k_most_probed)) ? Match::strong : Match::no;
  }
  void scan(ScanContext& context) const override { TarFile(context).scan(); }
};

}  // namespace

}  // namespace pytorch

const Scanner& pytorch_tar() {
  static const pytorch::TarScanner k_scanner;
  return k_scanner;
}

}  // namespace modelaudit::formats
