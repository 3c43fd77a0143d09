#include <algorithm>
#include <map>
#include <memory>
#include <string>

#include "formats/pytorch/storage_audit.hpp"
#include "io/range_reader.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"
#include "wire/torch/archive_names.hpp"
#include "wire/zip/archive.hpp"
#include "wire/zip/codec_of.hpp"

namespace modelaudit::formats {

namespace pytorch {

namespace {

using wire::torch::MemberKind;
using wire::zip::CentralHeader;

constexpr std::uint64_t k_most_members = 1'000'000;
constexpr std::uint64_t k_largest_record = 64;  // of version and byteorder
constexpr std::size_t k_most_listed = 8;        // keys named in one finding

wire::torch::ArchiveLayout layout_of(const std::vector<ByteView>& names) {
  wire::torch::LayoutFinder finder;
  for (const ByteView name : names) finder.add_root(name.text());
  if (!finder.layout().roots.empty()) {
    for (const ByteView name : names) finder.add_sibling(name.text());
  }
  return finder.layout();
}

template <typename Read>
wire::zip::Source make_source(std::uint64_t size, Read read) {
  wire::zip::Source source;
  source.size = size;
  source.bytes = [size, read](std::uint64_t offset, std::uint64_t length) {
    if (offset >= size) return ByteView({}, size);
    return ByteView(read(offset, std::min(length, size - offset)).span(), offset);
  };
  return source;
}

/// The object pickle against the storages beside it. Members and their readings are the zip scanner's; here the
/// directory that PyTorch reads decides.
class Archive {
 public:
  explicit Archive(ScanContext& context)
      : ctx_(context), source_(make_source(context.size(), [&context](std::uint64_t o, std::uint64_t n) { return context.bytes(o, n); })) {}

  void scan() {
    const auto ends = wire::zip::find_ends(source_);
    if (ends.empty()) return;  // truncated: the zip scanner says so
    auto directories = wire::zip::directories_of(source_, ends.front(), k_most_members);
    if (directories.empty()) return;
    directory_ = std::move(directories.front());
    std::vector<ByteView> names;
    for (const CentralHeader& record : directory_.records) names.push_back(record.name);
    layout_ = layout_of(names);
    for (const CentralHeader& record : directory_.records) {
      switch (wire::torch::kind_of(layout_, record.name.text())) {
        case MemberKind::object: objects_.push_back(&record); break;
        case MemberKind::byteorder: check_byteorder(record); break;
        default: break;
      }
    }
    ctx_.metadata("roots", std::to_string(layout_.roots.size()));
    for (const CentralHeader* object : objects_) check_object(*object);
  }

 private:
  std::optional<ByteRange> data_of(const CentralHeader& record) const {
    const auto at = checked_add(directory_.base, record.local_offset);
    const auto local = at ? wire::zip::read_local(source_, *at) : std::nullopt;
    if (!local || local->data_offset() > source_.size) return std::nullopt;
    return ByteRange{local->data_offset(), std::min(record.sizes.compressed, source_.size - local->data_offset())};
  }

  void check_byteorder(const CentralHeader& record) {
    const auto data = data_of(record);
    if (!data || record.method != wire::zip::k_stored || data->length > k_largest_record) return;
    const std::string_view text = ctx_.bytes(data->offset, data->length).text();
    if (text == "little" || text == "big") return;
    ctx_.report(Finding(rules::pytorch_byteorder, "The byteorder record is neither 'little' nor 'big'", ctx_.at(data->offset),
                        {{"byteorder", std::string(text)}}));
  }

  void check_object(const CentralHeader& object) {
    const auto data = data_of(object);
    if (!data || data->length == 0) return;
    const auto codec = wire::zip::codec_of(object.method);
    if (!codec && object.method != wire::zip::k_stored) return;
    io::RangeReader raw(ctx_, *data);
    // Decoded object pickles are small; what exceeds the buffer is cut, and then nothing is claimed about storages.
    std::vector<std::byte> decoded;
    std::unique_ptr<ForwardReader> from_memory;
    MemoryCharge held(ctx_.budget());
    if (codec) {
      decoded = decode(*codec, raw, object.sizes.plain, held);
      from_memory = std::make_unique<io::GlanceReader>(ByteView(decoded));
    }
    StorageAudit audit(ctx_, codec ? 0 : data->offset);
    wire::pickle::Machine machine(audit, ctx_.budget());
    const wire::pickle::RunEnd end = machine.run(codec ? *from_memory : static_cast<ForwardReader&>(raw));
    ctx_.metadata("weights_only", audit.weights_only());
    if (end.status == wire::pickle::RunStatus::stopped) check_storages(object, audit);
  }

  std::vector<std::byte> decode(io::Codec codec, ForwardReader& raw, std::uint64_t declared, MemoryCharge& held) {
    const std::uint64_t most = std::min(ctx_.budget().limits().buffered_bytes, ctx_.budget().memory_left());
    const auto decoder = io::make_decoder(codec, raw, declared);
    std::vector<std::byte> out;
    constexpr std::size_t k_step = std::size_t{64} << 10;
    try {
      for (std::size_t got = 1; got != 0 && out.size() < most;) {
        const std::size_t before = out.size();
        held.add(k_step);
        out.resize(before + k_step);
        got = decoder->read(std::span(out).subspan(before));
        out.resize(before + got);
      }
    } catch (const Malformed& malformed) {
      if (malformed.failure().code == Errc::limit) throw;  // damage is the zip scanner's to report
    }
    return out;
  }

  void check_storages(const CentralHeader& object, const StorageAudit& audit) {
    const std::string_view name = object.name.text();
    const std::string root(name.substr(0, name.size() - std::string_view("data.pkl").size()));
    std::map<std::string_view, const CentralHeader*> by_key;
    for (const CentralHeader& record : directory_.records) {
      const std::string_view member = record.name.text();
      if (member.starts_with(root + "data/")) by_key.emplace(member.substr(root.size() + 5), &record);
    }
    std::vector<std::string> missing;
    for (const Storage& storage : audit.storages()) {
      const auto found = by_key.find(storage.key);
      const bool is_absent_on_purpose = storage.location == "meta" || storage.elements == 0;
      if (found == by_key.end()) {
        if (!is_absent_on_purpose) missing.push_back(storage.key);
        continue;
      }
      const std::uint64_t available = found->second->sizes.plain;
      if (storage.bytes && *storage.bytes > available) {
        ctx_.report(Finding(rules::pytorch_storage_size, "A storage has fewer bytes than its elements need", ctx_.at(found->second->offset),
                            {{"key", storage.key}, {"needed", std::to_string(*storage.bytes)}, {"available", std::to_string(available)}}));
      }
    }
    if (missing.empty() || directory_.cut) return;
    std::string keys;
    for (std::size_t i = 0; i < missing.size() && i < k_most_listed; ++i) keys += (i == 0 ? "" : ", ") + missing[i];
    ctx_.report(Finding(rules::pytorch_storage_missing, "The object refers to storages that are not in the archive", ctx_.at(object.offset),
                        {{"keys", keys}, {"count", std::to_string(missing.size())}}));
  }

  ScanContext& ctx_;
  wire::zip::Source source_;
  wire::zip::Directory directory_;
  wire::torch::ArchiveLayout layout_;
  std::vector<const CentralHeader*> objects_;
};

class ZipScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo k_info{"pytorch-zip", 1, "PyTorch checkpoints and TorchScript archives: tensors against their storages",
                                    {".pt", ".pth", ".ckpt", ".bin", ".ptl"}, false, true};
    return k_info;
  }
  Match match(const Probe& probe) const override {
    if (probe.is_stream()) return Match::no;
    const auto source = make_source(*probe.size(), [&probe](std::uint64_t o, std::uint64_t n) { return probe.bytes(o, n); });
    const auto claim = wire::zip::claim_of(source);
    if (!claim.starts && !claim.ends) return Match::no;
    return layout_of(wire::zip::directory_names(source, k_most_members)).is_torch() ? Match::strong : Match::no;
  }
  void scan(ScanContext& context) const override { Archive(context).scan(); }
};

}  // namespace

}  // namespace pytorch

const Scanner& pytorch_zip() {
  static const pytorch::ZipScanner k_scanner;
  return k_scanner;
}

}  // namespace modelaudit::formats
