#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "detect/tensor_bytes.hpp"
#include "formats/pytorch/storage_audit.hpp"
#include "io/range_reader.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {

namespace pytorch {

namespace {


using wire::pickle::RunStatus;

/// torch/serialization.py, _legacy_save: protocol 2, LONG1 of 10 bytes 0x1950a86a20f9469cfc6c, STOP.
constexpr std::string_view k_magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15);
constexpr std::uint64_t k_glance = 64;

enum Stream : std::size_t { k_magic_stream, k_version_stream, k_system_stream, k_object_stream, k_keys_stream, k_streams };
constexpr std::array<std::string_view, k_streams> k_names = {"<magic number>", "<protocol version>", "<system info>", "<object>",
                                                             "<storage keys>"};

/// Five pickles, then for each key a count of elements and the elements.
class LegacyFile {
 public:
  explicit LegacyFile(ScanContext& context) : ctx_(context), audit_(context, 0) {}

  void scan() {
    if (!read_streams()) return;
    for (const std::string& key : keys_) {
      if (!read_storage(key)) return;
    }
    read_trailing();
  }

 private:
  void scan_pickle(std::size_t stream, std::uint64_t start, std::uint64_t end) {
    if (stream == k_magic_stream) return ctx_.cover(start, end - start);  // compared byte by byte by match()
    Child child;
    child.name = std::string(k_names[stream]);
    child.content = ByteRange{start, end - start};
    child.role = "pytorch-data";
    child.may_be_unknown = false;
    ctx_.scan_child(std::move(child));
  }

  /// False when a stream has no end: it is scanned to the end of the file, and what follows cannot be placed.
  bool read_streams() {
    const auto reader = ctx_.stream();
    wire::pickle::Machine machine(audit_, ctx_.budget());
    for (std::size_t stream = 0; stream < k_streams; ++stream) {
      const std::uint64_t start = reader->position();
      audit_.expect_no_globals(stream != k_object_stream);
      machine.next_stream();
      const auto end = machine.run(*reader);
      if (end.status != RunStatus::stopped) {
        scan_pickle(stream, start, ctx_.size());
        ctx_.inconclusive(end.status == RunStatus::truncated ? GapKind::truncated : GapKind::corrupt,
                          "pytorch-legacy: a stream of the header does not end", ctx_.at(end.offset));
        return false;
      }
      scan_pickle(stream, start, end.offset);
      if (stream == k_system_stream) learn_system(machine);
      if (stream == k_keys_stream) learn_keys(machine);
      at_ = end.offset;
    }
    ctx_.metadata("storages", std::to_string(keys_.size()));
    ctx_.metadata("weights_only", audit_.weights_only());
    return true;
  }

  void learn_system(const wire::pickle::Machine& machine) {
    const auto pairs = machine.items(machine.result());
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      if (machine.text(pairs[i]) != "type_sizes") continue;
      const auto sizes = machine.items(pairs[i + 1]);
      for (std::size_t k = 0; k + 1 < sizes.size(); k += 2) {
        if (machine.text(sizes[k]) == "long") long_size_ = machine.integer(sizes[k + 1]).value_or(8);
      }
    }
  }

  void learn_keys(const wire::pickle::Machine& machine) {
    for (const auto key : machine.items(machine.result(), std::size_t{1} << 20)) {
      if (const auto text = machine.text(key)) keys_.emplace_back(*text);
    }
  }

  /// Width of the count, once known to agree: 8 bytes, or the writer's own `long`; in the byte order of either side.
  std::optional<std::uint64_t> count_width(ByteView head, std::uint64_t elements) const {
    if (head.le<std::uint64_t>(0) == elements || head.be<std::uint64_t>(0) == elements) return 8;
    if (long_size_ != 4) return std::nullopt;
    if (head.le<std::uint32_t>(0) == elements || head.be<std::uint32_t>(0) == elements) return 4;
    return std::nullopt;
  }

  bool read_storage(const std::string& key) {
    const std::uint64_t rest = ctx_.size() - at_;
    const Storage* storage = audit_.find(key);
    if (storage == nullptr || !storage->bytes) {
      ctx_.report(Finding(rules::pytorch_legacy_layout, "The file lists a storage whose size the object does not tell", ctx_.at(at_),
                          {{"key", key}}));
      ctx_.inconclusive(GapKind::corrupt, "pytorch-legacy: a storage of unknown size", ctx_.at(at_));
      read_trailing();
      return false;
    }
    const ByteView head = ctx_.bytes(at_, std::min<std::uint64_t>(rest, 8));
    const auto width = count_width(head, static_cast<std::uint64_t>(storage->elements));
    if (!width && head.size() == 8) {
      ctx_.report(Finding(rules::pytorch_legacy_layout, "A storage's count disagrees with the object", ctx_.at(at_, 8),
                          {{"key", key}, {"declared", std::to_string(storage->elements)},
                           {"stored", std::to_string(head.le<std::uint64_t>(0).value_or(0))}}));
    }
    const std::uint64_t header = std::min(width.value_or(8), rest);
    const std::uint64_t length = std::min(*storage->bytes, rest - header);
    ctx_.cover(at_, header);
    glance({at_ + header, length}, key);
    at_ += header + length;
    if (header < width.value_or(8) || length < *storage->bytes) {
      ctx_.inconclusive(GapKind::truncated, "pytorch-legacy: the file ends inside a storage", ctx_.at(at_));
      return false;
    }
    return true;
  }

  void glance(ByteRange data, const std::string& key) {
    const ByteView start = ctx_.bytes(data.offset, std::min(data.length, k_glance));
    const auto more = [&] { return std::make_unique<io::RangeReader>(ctx_, data); };
    if (ctx_.deep() || detect::is_more_than_weights(ctx_, start, more)) {
      Child child;
      child.name = "<storage " + key + ">";
      child.content = data;
      ctx_.scan_child(std::move(child));
      return;
    }
    ctx_.cover_declared(data.offset, data.length);
  }

  void read_trailing() {
    const std::uint64_t rest = ctx_.size() - at_;
    if (rest == 0) return;
    ctx_.cover(at_, rest);
    if (ctx_.bytes(at_, std::min<std::uint64_t>(rest, 65536)).all(0) && ctx_.bytes(at_, rest).all(0)) return;  // padding
    ctx_.report(Finding(rules::pytorch_legacy_trailing, "Bytes follow the last storage", ctx_.at(at_, rest), {{"bytes", std::to_string(rest)}}));
    Child child;
    child.name = "<after the storages>";
    child.content = ByteRange{at_, rest};
    ctx_.scan_child(std::move(child));
  }

  ScanContext& ctx_;
  StorageAudit audit_;
  std::vector<std::string> keys_;
  std::uint64_t at_ = 0;
  std::int64_t long_size_ = 8;
};

class LegacyScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo k_info{"pytorch-legacy", 1, "PyTorch checkpoints from before 1.6: five pickles and raw storages",
                                    {".pt", ".pth", ".bin", ".tar"}, false, true};
    return k_info;
  }
  Match match(const Probe& probe) const override { return probe.head().starts_with(k_magic) && probe.head().size() > k_magic.size() ? Match::strong : Match::no; }
  void scan(ScanContext& context) const override { LegacyFile(context).scan(); }
};

}  // namespace

}  // namespace pytorch

const Scanner& pytorch_legacy() {
  static const pytorch::LegacyScanner k_scanner;
  return k_scanner;
}

}  // namespace modelaudit::formats
