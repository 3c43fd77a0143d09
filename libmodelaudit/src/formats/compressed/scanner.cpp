#include <algorithm>
#include <array>
#include <string>

#include "detect/paths.hpp"
#include "formats/compressed/members.hpp"
#include "modelaudit/error.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {
namespace {

using compression::Ending;
using compression::Members;
using io::Wrapper;

constexpr std::uint64_t k_ratio = 250;
constexpr std::uint64_t k_ratio_from = std::uint64_t{1} << 20;
constexpr std::uint64_t k_field_from = 64;  // shorter header fields hold nothing that runs
constexpr std::uint64_t k_step = std::uint64_t{1} << 16;

/// Bytes of the input as they are, for trailing parts of inputs that are streams themselves.
class Rest final : public ByteSource {
 public:
  Rest(std::unique_ptr<ForwardReader> in, std::uint64_t from) : in_(std::move(in)) { in_->advance(from); }
  std::size_t read(std::span<std::byte> into) override {
    const ByteView window = in_->window(1).first(into.size());
    std::copy(window.span().begin(), window.span().end(), into.begin());
    in_->advance(window.size());
    return static_cast<std::size_t>(window.size());
  }

 private:
  std::unique_ptr<ForwardReader> in_;
};

/// Name of the content: the file's name is not told, but whether it ends so; that is all the content's scanners ask.
std::string content_name(const Probe& probe, const io::GzipFields& fields) {
  static constexpr std::array<std::string_view, 12> inner{".tar",  ".pkl",  ".pickle", ".joblib", ".pt",          ".pth",
                                                          ".bin",  ".npy",  ".npz",    ".json",   ".safetensors", ".gguf"};
  static constexpr std::array<std::string_view, 9> outer{".gz",   ".bz2", ".xz", ".lzma", ".zst",
                                                         ".lz4", ".lz",  ".z",  ".zlib"};
  if (!fields.name.empty()) return std::string(fields.name);
  if (probe.name_ends_with(".tgz") || probe.name_ends_with(".tbz2") || probe.name_ends_with(".txz")) return "content.tar";
  for (const std::string_view suffix : outer) {
    if (!probe.name_ends_with(suffix)) continue;
    for (const std::string_view type : inner) {
      if (probe.name_ends_with(std::string(type) + std::string(suffix))) return "content" + std::string(type);
    }
    return "content";
  }
  // joblib compresses without a word in the name: model.pkl is a zlib stream.
  for (const std::string_view type : inner) {
    if (probe.name_ends_with(type)) return "content" + std::string(type);
  }
  return "content";
}

class Run {
 public:
  Run(ScanContext& context, const Wrapper& wrapper) : context_(context), wrapper_(wrapper) {}

  void scan() {
    context_.metadata("codec", wrapper_.start != 0 ? "zlib (joblib ZF)" : io::to_string(wrapper_.codec));
    const io::GzipFields fields =
        wrapper_.codec == io::Codec::gzip ? io::gzip_fields(context_.probe().head()) : io::GzipFields{};
    look_at_fields(fields);
    const std::string name = content_name(context_.probe(), fields);
    const ChildOutcome whole = scan_content(name);
    if (!ending_.reached && !ending_.failure && whole.complete) drain();
    report_ratio(whole.complete);
    context_.metadata("members", std::to_string(ending_.members));
    if (ending_.members > 1 && !(whole.recognised && whole.complete)) scan_members(name);
    for (const ByteRange& frame : ending_.skipped_frames) scan_part("skippable frame", frame);
    context_.cover(0, ending_.position);
    if (ending_.reached) look_behind();
  }

 private:
  Child::Decoder open_members() {
    return [this] { return std::make_unique<Members>(context_.stream(), wrapper_, ending_); };
  }

  ChildOutcome scan_content(const std::string& name) {
    const std::string_view role = context_.probe().role();
    // Counted by the role, which is the one thing that parents tell: once, twice, and then it is a matter of its own.
    std::string next = role == "compressed" ? "compressed-twice" : role == "compressed-twice" ? "compressed-often" : "compressed";
    if (next == "compressed-often") {
      context_.report(Finding(rules::compressed_nested, "Compressed data inside compressed data inside compressed data", context_.at(0)));
    }
    if (role == "compressed-often") next = role;
    return context_.scan_child({.name = name,
                                .content = open_members(),
                                .role = std::move(next),
                                .may_be_unknown = !context_.probe().is_top_level()});
  }

  /// A file whose members are files of their own. Not where the whole was understood: then they are only pieces.
  void scan_members(const std::string& name) {
    for (std::size_t i = 1; i < ending_.starts.size(); ++i) {
      const std::uint64_t start = ending_.starts[i];
      const auto open = [this, start]() -> std::unique_ptr<ByteSource> {
        auto in = context_.stream();
        in->advance(start);
        return std::make_unique<OneMember>(std::move(in), wrapper_.codec);
      };
      context_.scan_child({.name = name + "#" + std::to_string(i + 1), .content = Child::Decoder(open)});
    }
  }

  /// One member alone; damage in it was reported with the whole.
  class OneMember final : public ByteSource {
   public:
    OneMember(std::unique_ptr<ForwardReader> in, io::Codec codec) : in_(std::move(in)) {
      decoder_ = io::make_decoder(io::member_codec(codec, in_->window(16)), *in_);
    }
    std::size_t read(std::span<std::byte> into) override {
      try {
        return decoder_->read(into);
      } catch (const Malformed&) {
        return 0;
      }
    }

   private:
    std::unique_ptr<ForwardReader> in_;
    std::unique_ptr<io::Decoder> decoder_;
  };

  void look_at_fields(const io::GzipFields& fields) {
    if (!fields.name.empty()) {
      for (Finding& finding : detect::name_findings(detect::judge_member_name(fields.name, detect::NameCharset::latin1), context_.at(10))) {
        context_.report(std::move(finding));
      }
    }
    if (fields.extra_size >= k_field_from) scan_part("gzip extra field", {fields.extra_at, fields.extra_size});
    if (fields.comment_size >= k_field_from) scan_part("gzip comment", {fields.comment_at, fields.comment_size});
  }

  void scan_part(std::string name, ByteRange range) {
    if (context_.probe().is_stream()) {
      context_.inconclusive(GapKind::unsupported, name + " of a member too large to hold in memory", context_.at(range.offset, range.length));
      return;
    }
    const std::uint64_t size = context_.size();
    if (range.offset >= size) return;
    range.length = std::min(range.length, size - range.offset);
    if (range.length != 0) context_.scan_child({.name = std::move(name), .content = range});
  }

  /// The content's scanner did not need the end; what lies behind the members is still to be found.
  void drain() {
    Members members(context_.stream(), wrapper_, ending_);
    std::array<std::byte, k_step> buffer;
    try {
      while (const std::size_t got = members.read(buffer)) {
        context_.budget().charge_decoded(got);
        context_.budget().checkpoint();
      }
    } catch (const Malformed& malformed) {
      if (!ending_.failure) throw;
      context_.inconclusive(GapKind::corrupt, malformed.what(), context_.at(malformed.failure().offset));
    }
  }

  void report_ratio(bool complete) {
    const std::uint64_t in = std::max<std::uint64_t>(ending_.position, 1);
    if (ending_.output < k_ratio_from || ending_.output / in < k_ratio) return;
    const Details evidence{{"compressed", std::to_string(in)}, {"decompressed", std::to_string(ending_.output)}};
    if (complete) {
      context_.report(Finding(rules::compressed_ratio, "The data expands more than 250 times", context_.at(0), evidence));
    } else {
      context_.report(Finding(rules::compressed_bomb, "The data expands more than 250 times and was not scanned to its end", context_.at(0), evidence));
    }
  }

  void look_behind() {
    const std::uint64_t from = ending_.position;
    const auto in = context_.stream();
    in->advance(from);
    if (in->at_end()) return;
    Finding finding(rules::compressed_trailing, "Bytes follow the compressed data", context_.at(from));
    if (const auto size = context_.probe().size()) finding.where.length = *size - from;
    context_.report(std::move(finding));
    Child rest{.name = "trailing bytes", .content = ByteRange{}};
    if (const auto size = context_.probe().size()) {
      rest.content = ByteRange{from, *size - from};
    } else {
      rest.content = Child::Decoder([this, from] { return std::make_unique<Rest>(context_.stream(), from); });
    }
    context_.scan_child(std::move(rest));
  }

  ScanContext& context_;
  const Wrapper& wrapper_;
  Ending ending_;
};

class CompressedScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override { return info_; }

  Match match(const Probe& probe) const override {
    const auto wrapper = io::identify_compressed(probe.head());
    if (!wrapper) return Match::no;
    return wrapper->certain ? Match::strong : Match::weak;
  }

  void scan(ScanContext& context) const override {
    const auto wrapper = io::identify_compressed(context.probe().head());
    if (!wrapper) throw_malformed(Errc::malformed, 0, "compressed: no known head");
    if (!wrapper->unsupported.empty()) {
      context.inconclusive(GapKind::unsupported, "compressed with " + std::string(wrapper->unsupported) + ", which is not decoded", {});
      return;
    }
    Run(context, *wrapper).scan();
  }

 private:
  ScannerInfo info_{.id = "compressed",
                    .version = 1,
                    .description = "gzip, bzip2, xz, lzma, lzip, zstd, lz4, zlib and compress streams, also those of joblib",
                    .extensions = {".gz", ".bz2", ".xz", ".lzma", ".lz", ".zst", ".lz4", ".z", ".zlib", ".joblib"},
                    .forward_only = true,
                    .cacheable = true};
};

}  // namespace

const Scanner& compressed() {
  static const CompressedScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
