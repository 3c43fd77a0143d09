#include <fmt/format.h>

#include <algorithm>

#include "detect/literals.hpp"
#include "formats/pickle/judge.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats::pickles {

namespace {

using detect::PayloadKind;

constexpr std::size_t k_candidates = 65'536;
constexpr std::uint64_t k_copied = std::uint64_t{64} << 20;  ///< of literals that cannot be read again

bool is_executable(PayloadKind kind) {
  return kind == PayloadKind::elf || kind == PayloadKind::pe || kind == PayloadKind::mach_o || kind == PayloadKind::code_object;
}

}  // namespace

void Judge::on_literal(const Machine&, const wire::pickle::Literal& literal) {
  if (literal.data.size() < literal.size) unread_.push_back({literal.offset + literal.data.size(), literal.size - literal.data.size()});
  if (embedded_ || !detect::may_hide_payload(literal.data, literal.is_text)) return;
  if (candidates_.size() >= k_candidates) {
    literal_limit_ = true;
    return;
  }
  Candidate candidate;
  candidate.size = literal.size;
  candidate.is_text = literal.is_text;
  if (context_.probe().is_stream()) {
    if (copied_ + literal.data.size() > k_copied || literal.data.size() < literal.size) {
      literal_limit_ = true;
      return;
    }
    copied_ += literal.data.size();
    const auto bytes = literal.data.span();
    candidate.copy.assign(bytes.begin(), bytes.end());
  }
  candidates_.emplace(literal.offset, std::move(candidate));
}

void Judge::end_stream(bool have_bytes) {
  std::map<std::uint64_t, Candidate> now;
  now.swap(candidates_);
  for (auto& [offset, candidate] : now) {
    // What no longer lies in an input that can be read is only looked into when it was copied.
    if (!have_bytes && candidate.copy.empty()) continue;
    examine(offset, candidate, have_bytes);
  }
  copied_ = 0;
  if (literal_limit_ || decoder_.limit_hit()) {
    if (noted_.insert("literal limit").second) context_.inconclusive(GapKind::limit, "pickle: more encoded values than are decoded");
  }
}

void Judge::examine(std::uint64_t offset, Candidate& candidate, bool have_bytes) {
  const ByteView view = candidate.copy.empty() ? context_.bytes(offset, candidate.size) : ByteView(candidate.copy, offset);
  const bool in_place = candidate.copy.empty() && have_bytes;
  for (detect::HiddenPayload& payload :
       decoder_.decode(view, {.is_text = candidate.is_text, .is_argument = candidate.is_argument, .is_loaded = candidate.is_loaded})) {
    const bool critical = candidate.is_loaded || (candidate.is_argument && is_executable(payload.kind));
    Details evidence{{"kind", std::string(detect::to_string(payload.kind))}, {"offset", std::to_string(offset)}};
    if (!payload.encoding.empty()) evidence.emplace_back("encoding", payload.encoding);
    if (!candidate.loaded_by.empty()) evidence.emplace_back("loaded_by", candidate.loaded_by);
    if (is_executable(payload.kind)) {
      Finding finding(rules::pickle_nested_payload, fmt::format("a value holds a {}{}", detect::to_string(payload.kind),
                                                                payload.encoding.empty() ? "" : ", encoded as " + payload.encoding),
                      ScanContext::at(offset, candidate.size), evidence);
      if (critical) finding.severity = Severity::critical;
      emit(std::move(finding));
      continue;
    }
    Child child;
    child.name = payload.name;
    if (payload.encoding.empty() && in_place) {
      child.content = ByteRange{offset + payload.range.offset, payload.range.length};
    } else if (payload.encoding.empty()) {
      const auto part = view.clip(payload.range.offset, payload.range.length).span();
      child.content = std::vector<std::byte>(part.begin(), part.end());
    } else {
      child.content = std::move(payload.bytes);
    }
    if (payload.kind == PayloadKind::pickle) child.role = "pickle";
    child.ceiling = critical ? Severity::critical : Severity::warning;
    child.context = std::move(evidence);
    const ChildOutcome outcome = context_.scan_child(std::move(child));
    if (outcome.worst.value_or(Severity::info) < Severity::warning) continue;
    Finding finding(rules::pickle_nested_payload, fmt::format("a value holds a {} that is not harmless{}", detect::to_string(payload.kind),
                                                              payload.encoding.empty() ? "" : ", encoded as " + payload.encoding),
                    ScanContext::at(offset, candidate.size));
    finding.severity = std::min(*outcome.worst, critical ? Severity::critical : Severity::warning);
    emit(std::move(finding));
  }
}

}  // namespace modelaudit::formats::pickles
