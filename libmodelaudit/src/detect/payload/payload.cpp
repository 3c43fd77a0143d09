#include "detect/payload/payload.hpp"

#include <algorithm>
#include <memory>

#include "detect/executables.hpp"
#include "detect/executables/report.hpp"
#include "detect/tensor_bytes.hpp"
#include "io/range_reader.hpp"

namespace modelaudit::detect {
namespace {

constexpr std::uint64_t k_payload_prefix = 64;                    // one page is touched, whatever the region's size
constexpr std::uint64_t k_sweep_piece = std::uint64_t{16} << 20;
constexpr std::uint64_t k_sweep_overlap = std::uint64_t{64} << 10;  // headers that begin at a piece's end

// In order, so that a region of gigabytes is never held.
bool all_zero(ScanContext& context, ByteRange region) {
  const auto reader = context.stream();
  reader->advance(region.offset);
  for (std::uint64_t left = region.length; left > 0;) {
    const ByteView window = reader->window(1).first(left);
    if (window.empty() || !window.all(0)) return false;
    left -= reader->advance(window.size());
  }
  return true;
}

}  // namespace

void look_at_weights(ScanContext& context, ByteRange region, const Rule& rule, std::string_view name) {
  if (region.length == 0) return;
  const auto more = [&]() -> std::unique_ptr<ForwardReader> {
    return std::make_unique<io::RangeReader>(context, region);
  };
  if (!is_more_than_weights(context, context.bytes(region.offset, std::min(region.length, k_payload_prefix)), more)) return;
  Child child;
  child.name = name;
  child.content = region;
  const ChildOutcome outcome = context.scan_child(std::move(child));
  Finding finding(rule, "a tensor holds a file instead of numbers", ScanContext::at(region.offset, region.length), {{"tensor", std::string(name)}});
  for (const std::string& format : outcome.formats) finding.details.emplace_back("content", format);
  finding.severity = std::max(finding.severity, outcome.worst.value_or(finding.severity));
  context.report(std::move(finding));
}

void declare_weights(ScanContext& context, ByteRange region) {
  if (region.length == 0) return;
  if (!context.deep() || context.probe().is_stream()) return context.cover_declared(region.offset, region.length);
  const auto reader = context.stream();
  reader->advance(region.offset);
  for (std::uint64_t left = region.length; left > 0;) {
    context.budget().checkpoint();
    const ByteView window = reader->window(std::min(left, k_sweep_piece + k_sweep_overlap)).first(left);
    if (window.empty()) break;
    const std::uint64_t piece = std::min({left, k_sweep_piece, window.size()});
    for (const EmbeddedExecutable& found : find_executables(window, 64, piece)) {
      context.report(program_finding(found.kind, found.offset, false));
    }
    left -= reader->advance(piece);
  }
  context.cover(region.offset, region.length);
}

void TextPayloads::scan(ByteView text, std::string_view name) {
  if (!may_hide_payload(text, true)) return;
  for (HiddenPayload& payload : decoder_.decode(text, LiteralContext{.is_text = true})) {
    Child child;
    child.name = std::string(name) + ", " + payload.encoding;
    child.ceiling = Severity::warning;
    if (payload.bytes.empty()) {
      const auto bare = text.clip(payload.range.offset, payload.range.length).span();
      payload.bytes.assign(bare.begin(), bare.end());
    }
    child.content = std::move(payload.bytes);
    context_.scan_child(std::move(child));
  }
  if (decoder_.limit_hit() && !told_limit_) {
    told_limit_ = true;
    context_.inconclusive(GapKind::limit, "encoded payloads in metadata beyond the limit", ScanContext::at(text.offset()));
  }
}

Severity HiddenBytes::severity(Severity inert) const noexcept {
  return outcome.worst ? std::max(inert, *outcome.worst) : inert;
}

HiddenBytes examine_hidden(ScanContext& context, ByteRange region, std::string_view name) {
  HiddenBytes hidden;
  hidden.zero = all_zero(context, region);
  if (hidden.zero) {
    context.cover(region.offset, region.length);
    return hidden;
  }
  Child child;
  child.name = name;
  child.content = region;
  hidden.outcome = context.scan_child(std::move(child));
  return hidden;
}

}  // namespace modelaudit::detect
