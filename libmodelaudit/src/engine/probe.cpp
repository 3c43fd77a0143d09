#include "engine/probe.hpp"

#include <algorithm>

namespace modelaudit::engine {
namespace {

constexpr std::uint64_t k_head = std::uint64_t{64} << 10;
constexpr std::uint64_t k_tail = std::uint64_t{1} << 20;

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

ByteView read_or_nothing(Input& input, std::uint64_t offset, std::uint64_t n) {
  try {
    return input.bytes(offset, n);
  } catch (const Malformed&) {
    return ByteView({}, offset);  // unreadable here: the scan itself meets the same failure and records it
  }
}

}  // namespace

InputProbe::InputProbe(Input& input, std::string_view name, std::string_view role, std::vector<NameQuestion>* questions)
    : input_(input), name_(lowered(name)), role_(role), questions_(questions) {
  if (input_.is_stream()) {
    head_ = static_cast<const StreamInput&>(input_).head();
  } else {
    head_ = read_or_nothing(input_, 0, std::min(k_head, *input_.size()));
  }
}

ByteView InputProbe::tail(std::uint64_t n) const {
  if (input_.is_stream()) return ByteView{};
  const std::uint64_t size = *input_.size();
  const std::uint64_t length = std::min({n, k_tail, size});
  return read_or_nothing(input_, size - length, length);
}

ByteView InputProbe::bytes(std::uint64_t offset, std::uint64_t n) const {
  if (offset < head_.size() && n <= head_.size() - offset) return head_.clip(offset, n);
  if (input_.is_stream()) return head_.clip(offset, n);
  const std::uint64_t size = *input_.size();
  if (offset >= size) return ByteView({}, offset);
  return read_or_nothing(input_, offset, std::min(n, size - offset));
}

bool InputProbe::name_ends_with(std::string_view suffix) const {
  const std::string wanted = lowered(suffix);
  const bool answer = name_.ends_with(wanted);
  if (questions_ != nullptr) {
    const auto same = [&](const NameQuestion& question) { return question.suffix == wanted; };
    if (std::none_of(questions_->begin(), questions_->end(), same)) questions_->push_back({wanted, answer});
  }
  return answer;
}

}  // namespace modelaudit::engine
