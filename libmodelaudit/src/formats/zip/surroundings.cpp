#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "formats/zip/walk.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats::zip_archive {

using wire::zip::Slack;
using wire::zip::SlackPlace;

namespace {

constexpr std::uint64_t k_smallest_slack = 16;  // shorter runs are padding or cut records

std::string_view place_name(SlackPlace place) {
  switch (place) {
    case SlackPlace::prefix: return "<before the archive>";
    case SlackPlace::between: return "<between members>";
    case SlackPlace::comment: return "<archive comment>";
    case SlackPlace::suffix: return "<after the archive>";
  }
  return "";
}

bool is_text(ByteView view) {
  for (std::uint64_t i = 0; i < view.size(); ++i) {
    const std::uint8_t c = view[i];
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) return false;
  }
  return true;
}

}  // namespace

bool Walk::is_named_like_a_model() const {
  static constexpr std::array<std::string_view, 12> k_extensions = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".keras",
                                                                    ".npz", ".mar", ".ptl", ".pt2", ".skops", ".h5"};
  return std::any_of(k_extensions.begin(), k_extensions.end(), [&](std::string_view e) { return ctx_.probe().name_ends_with(e); });
}

void Walk::scan_surroundings() {
  for (const Slack& slack : archive_.slack) scan_slack(slack);
}

void Walk::scan_slack(const Slack& slack) {
  const ByteRange range = slack.range;
  ctx_.cover(range.offset, range.length);
  const ByteView start = source_.bytes(range.offset, std::min<std::uint64_t>(range.length, 65536));
  if (start.all(0) && source_.bytes(range.offset, range.length).all(0)) return;  // padding
  const bool is_comment = slack.place == SlackPlace::comment;
  if (range.length < k_smallest_slack && !is_comment) return;

  Child child;
  child.name = std::string(place_name(slack.place));
  child.content = range;
  const ChildOutcome outcome = ctx_.scan_child(std::move(child));
  const bool is_bad = outcome.worst && *outcome.worst >= Severity::warning;
  const Location where = ctx_.at(range.offset, range.length);
  const Details size = {{"bytes", std::to_string(range.length)}};
  const auto report = [&](const Rule& rule, const char* message, Severity severity) {
    Finding finding(rule, message, where, size);
    finding.severity = severity;
    ctx_.report(std::move(finding));
  };
  switch (slack.place) {
    case SlackPlace::prefix:
      if (archive_.ends.empty()) return;
      report(rules::zip_prefix, "Bytes stand before the archive",
             is_bad || is_named_like_a_model() ? Severity::warning : Severity::info);
      return;
    case SlackPlace::suffix:
      report(rules::zip_suffix, "Bytes stand after the archive", Severity::warning);
      return;
    case SlackPlace::comment:
      if (is_bad || !is_text(start)) report(rules::zip_comment_binary, "The archive's comment is not text", Severity::warning);
      return;
    case SlackPlace::between:
      if (outcome.recognised && !archive_.ends.empty()) {
        report(rules::zip_slack, "Bytes between the members hold something recognisable", Severity::warning);
      }
      return;
  }
}

}  // namespace modelaudit::formats::zip_archive
