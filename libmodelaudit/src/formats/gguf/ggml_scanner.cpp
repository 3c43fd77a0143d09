#include <algorithm>
#include <string>

#include "detect/payload/payload.hpp"
#include "formats/gguf/legacy.hpp"
#include "modelaudit/error.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {
namespace {

namespace layout = gguf_layout;

constexpr std::uint64_t k_max_looks = 128;

class GgmlScan {
 public:
  GgmlScan(ScanContext& context, layout::LegacyMagic magic) : context_(context), magic_(magic) {}

  void run() {
    layout::LegacyVariant best{};
    const layout::LegacyWalk walk = find_variant(best);
    if (walk.reached == 0) throw_malformed(Errc::unsupported, 0, "ggml: no known layout fits this file");
    cover(best);
    context_.metadata("tensor_count", std::to_string(walk.tensors));
    if (walk.complete) return;
    if (walk.truncated) throw_malformed(Errc::truncated, walk.reached, "ggml: file ends inside a tensor");
    judge_trailing(walk.reached);
  }

 private:
  // Every variant starts anew behind the magic and the version.
  layout::LegacyWalk walk(const layout::LegacyVariant& variant, const std::function<void(const layout::LegacyTensor&)>& on_tensor) {
    const auto reader = context_.stream();
    layout::Cursor in(*reader, magic_.endian);
    in.skip(4);
    if (magic_.kind != layout::LegacyKind::ggml) in.skip(4);
    return layout::walk_legacy(in, variant, context_.budget(), on_tensor);
  }

  layout::LegacyWalk find_variant(layout::LegacyVariant& best) {
    std::uint32_t version = 0;
    if (magic_.kind != layout::LegacyKind::ggml) {
      const ByteView field = context_.bytes(4, 4);
      version = *(magic_.endian == layout::Endian::little ? field.le<std::uint32_t>(0) : field.be<std::uint32_t>(0));
      context_.metadata("version", std::to_string(version));
    }
    layout::LegacyWalk furthest;
    for (const layout::LegacyVariant& variant : layout::legacy_variants(magic_.kind, version)) {
      const layout::LegacyWalk tried = walk(variant, nullptr);
      if (tried.complete && tried.tensors > 0) {
        best = variant;
        return tried;
      }
      // More tensors are better evidence than more bytes: a wrong variant may skip far on one bad length.
      if (tried.tensors > furthest.tensors || furthest.reached == 0 || (tried.complete && furthest.tensors == 0)) {
        if (tried.reached == 0) continue;
        furthest = tried;
        best = variant;
      }
    }
    return furthest;
  }

  void cover(const layout::LegacyVariant& variant) {
    std::uint64_t at = 0;
    std::uint64_t looks = 0;
    const layout::LegacyWalk walked = walk(variant, [&](const layout::LegacyTensor& tensor) {
      context_.cover(at, tensor.data_offset - at);
      detect::declare_weights(context_, {tensor.data_offset, tensor.data_size});
      at = tensor.data_offset + tensor.data_size;
      judge_name(tensor);
      if (++looks <= k_max_looks) {
        detect::look_at_weights(context_, {tensor.data_offset, tensor.data_size}, rules::gguf_embedded, tensor.name);
      }
    });
    context_.cover(at, walked.reached - at);
  }

  void judge_name(const layout::LegacyTensor& tensor) {
    const bool control = std::any_of(tensor.name.begin(), tensor.name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (!control && tensor.name.find("../") == std::string_view::npos) return;
    context_.report(Finding(rules::gguf_name, "an unusual tensor name", context_.at(tensor.header_offset), {{"tensor", std::string(tensor.name)}}));
  }

  void judge_trailing(std::uint64_t begin) {
    const ByteRange region{begin, context_.size() - begin};
    const detect::HiddenBytes hidden = detect::examine_hidden(context_, region, "trailing@" + std::to_string(begin));
    if (hidden.zero) return;
    if (!hidden.outcome.recognised) {
      context_.inconclusive(GapKind::corrupt, "ggml: what follows is no tensor of a known layout", context_.at(begin));
    }
    Finding finding(rules::gguf_trailing, "the file goes on after its last tensor", context_.at(region.offset, region.length));
    finding.severity = hidden.severity(hidden.outcome.recognised ? Severity::warning : rules::gguf_trailing.severity);
    for (const std::string& format : hidden.outcome.formats) finding.details.emplace_back("content", format);
    context_.report(std::move(finding));
  }

  ScanContext& context_;
  layout::LegacyMagic magic_;
};

class GgmlScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo info{.id = "ggml",
                                  .version = 1,
                                  .description = "GGML, GGMF, GGJT and GGLA, the formats before GGUF: tensors and their ranges",
                                  .extensions = {".ggml", ".bin"}};
    return info;
  }

  Match match(const Probe& probe) const override { return layout::legacy_magic(probe.head()) ? Match::strong : Match::no; }

  void scan(ScanContext& context) const override {
    const auto magic = layout::legacy_magic(context.bytes(0, std::min<std::uint64_t>(4, context.size())));
    if (!magic) return;
    if (magic->kind == layout::LegacyKind::session) throw_malformed(Errc::unsupported, 0, "ggml: a saved session, not a model");
    GgmlScan(context, *magic).run();
  }
};

}  // namespace

const Scanner& ggml() {
  static const GgmlScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
