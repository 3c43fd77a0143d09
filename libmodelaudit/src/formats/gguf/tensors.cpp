#include "formats/gguf/tensors.hpp"

#include <algorithm>
#include <limits>

#include "detect/payload/payload.hpp"
#include "modelaudit/error.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {
namespace {

using gguf_layout::TensorInfo;
using gguf_layout::TypeState;

constexpr std::size_t k_longest_name = 64;  // GGML_MAX_NAME
constexpr std::uint32_t k_type_i8 = 24;
// As for safetensors: a bounded number of pages is touched, byte-sized types first.
constexpr std::size_t k_max_looks = 128;
// Slack between tensors that is looked at; more is no padding that a writer makes.
constexpr std::uint64_t k_max_slacks = 4096;

// Next multiple of a power of two; nothing when it does not fit.
std::optional<std::uint64_t> align_up(std::uint64_t n, std::uint64_t alignment) {
  const auto sum = checked_add(n, alignment - 1);
  return sum ? std::optional(*sum & ~(alignment - 1)) : std::nullopt;
}

}  // namespace

void GgufTensors::report(const Rule& rule, const char* message, const Placed& tensor, Details evidence) {
  evidence.emplace_back("offset", std::to_string(tensor.offset));
  if (tensor.sized) evidence.emplace_back("bytes", std::to_string(tensor.bytes));
  evidence.emplace_back("data_size", std::to_string(data_size_));
  context_.report(Finding(rule, message, context_.at(tensor.info_offset), std::move(evidence)));
}

void GgufTensors::on_tensor(const TensorInfo& tensor) {
  ++count_;
  judge_name(tensor);
  Placed placed{.offset = tensor.offset, .bytes = 0, .info_offset = tensor.info_offset, .sized = false, .bytewise = tensor.type == k_type_i8};
  if (const auto bytes = judge_size(tensor)) {
    placed.bytes = *bytes;
    placed.sized = true;
  }
  keep(placed);
}

void GgufTensors::keep(const Placed& placed) {
  if (placed_.size() == placed_.capacity()) {
    const std::size_t wanted = std::max<std::size_t>(256, 2 * placed_.capacity());
    charge_.add((wanted - placed_.capacity()) * sizeof(Placed));
    placed_.reserve(wanted);
  }
  placed_.push_back(placed);
}

void GgufTensors::judge_name(const TensorInfo& tensor) {
  const Details evidence{{"tensor", std::string(tensor.name.substr(0, 256))}};
  if (!names_.insert(tensor.name)) {
    context_.report(Finding(rules::gguf_duplicate, "a tensor is declared twice", context_.at(tensor.info_offset), evidence));
  }
  const bool control = std::any_of(tensor.name.begin(), tensor.name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (tensor.name.size() >= k_longest_name || control || tensor.name.find("../") != std::string_view::npos) {
    context_.report(Finding(rules::gguf_name, "an unusual tensor name", context_.at(tensor.info_offset), evidence));
  }
}

// Bytes of the tensor, or nothing (reported, or a gap) when dimensions or type do not tell.
std::optional<std::uint64_t> GgufTensors::judge_size(const TensorInfo& tensor) {
  const auto report_dims = [&](const char* message) {
    std::string dims;
    for (std::uint32_t i = 0; i < std::min(tensor.dim_count, gguf_layout::k_max_dims); ++i) {
      dims += (i == 0 ? "" : "x") + std::to_string(tensor.dims[i]);
    }
    context_.report(Finding(rules::gguf_dims, message, context_.at(tensor.info_offset),
                            {{"tensor", std::string(tensor.name.substr(0, 256))}, {"dimensions", dims}}));
    if (++unsized_ == 1) context_.inconclusive(GapKind::corrupt, "gguf: dimensions from which no size follows", context_.at(tensor.info_offset));
  };
  if (tensor.dim_count > gguf_layout::k_max_dims) {
    report_dims("a tensor has more than four dimensions");
    return std::nullopt;
  }
  if (tensor.zero_dim) {
    context_.report(Finding(rules::gguf_dims, "a dimension is zero", context_.at(tensor.info_offset),
                            {{"tensor", std::string(tensor.name.substr(0, 256))}}));
    return 0;
  }
  const auto block = gguf_layout::block_of(tensor.type);
  if (!block) {
    judge_type(tensor, gguf_layout::type_state(tensor.type));
    return std::nullopt;
  }
  const auto bytes = gguf_layout::tensor_bytes(*block, std::span(tensor.dims).first(tensor.dim_count));
  if (!bytes) report_dims("dimensions that do not fit 64 bits, or rows that are no whole number of blocks");
  return bytes;
}

void GgufTensors::judge_type(const TensorInfo& tensor, TypeState state) {
  const Details evidence{{"tensor", std::string(tensor.name.substr(0, 256))}, {"type", std::to_string(tensor.type)}};
  if (state == TypeState::impossible) {
    context_.report(Finding(rules::gguf_type_range, "a type number beyond any table", context_.at(tensor.info_offset), evidence));
  } else {
    const char* message = state == TypeState::retired ? "a retired tensor type" : "an unknown tensor type";
    context_.report(Finding(rules::gguf_type, message, context_.at(tensor.info_offset), evidence));
  }
  // A retired type is bounded by its neighbour; of an unknown one nobody can say that it holds numbers.
  if (state != TypeState::retired && ++unsized_ == 1) {
    context_.inconclusive(GapKind::unsupported, "gguf: tensor of an unknown type", context_.at(tensor.info_offset));
  }
}

void GgufTensors::judge_data(std::uint64_t infos_end, std::uint64_t alignment) {
  const std::uint64_t size = context_.size();
  data_begin_ = std::min(align_up(infos_end, alignment).value_or(size), size);
  data_size_ = size - data_begin_;
  if (!context_.bytes(infos_end, data_begin_ - infos_end).all(0)) {
    context_.report(Finding(rules::gguf_padding, "the padding before the data is not zero", context_.at(infos_end, data_begin_ - infos_end)));
  }
  context_.cover(infos_end, data_begin_ - infos_end);

  const auto before = [](const Placed& a, const Placed& b) { return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes; };
  if (!std::is_sorted(placed_.begin(), placed_.end(), before)) std::sort(placed_.begin(), placed_.end(), before);
  Walk walk;
  for (std::size_t i = 0; i < placed_.size(); ++i) {
    Placed& tensor = placed_[i];
    if (!tensor.sized) {  // up to its neighbour
      const std::uint64_t limit = i + 1 < placed_.size() ? placed_[i + 1].offset : std::max(tensor.offset, data_size_);
      tensor.bytes = limit - tensor.offset;
    }
    judge_place(tensor, walk, alignment);
  }
  if (walk.cut) context_.inconclusive(GapKind::truncated, "gguf: a tensor's data is missing", context_.at(size));
  judge_trailing(std::min(walk.end, data_size_));
  look_at_starts();
}

// llama.cpp asks that each tensor begin at the aligned end of the one before.
void GgufTensors::judge_place(const Placed& tensor, Walk& walk, std::uint64_t alignment) {
  constexpr std::uint64_t k_last = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t expected = align_up(walk.end, alignment).value_or(k_last);
  const std::uint64_t end = checked_add(tensor.offset, tensor.bytes).value_or(k_last);
  walk.consistent &= tensor.offset == expected;
  if (end > data_size_) {
    // A download that broke off looks like this: all in order, only the end is missing. Said once.
    if (!walk.consistent || !walk.cut) report_outside(tensor, walk.consistent);
    walk.cut = true;
  }
  if (tensor.offset % alignment != 0) report(rules::gguf_range, "a tensor's offset is not aligned", tensor, {});
  if (tensor.offset < walk.end && tensor.bytes > 0) {
    report(rules::gguf_overlap, "a tensor shares bytes with another", tensor, {{"expected", std::to_string(expected)}});
  }
  const std::uint64_t from = std::min(tensor.offset, data_size_);
  if (from > walk.end) {
    const bool padding = from <= expected;
    examine_slack(walk.end, from, padding ? rules::gguf_padding : rules::gguf_gap,
                  padding ? "the padding between tensors is not zero" : "bytes between tensors belong to none");
  }
  declare(from, std::min(end, data_size_));
  walk.end = std::max(walk.end, end);
}

void GgufTensors::report_outside(const Placed& tensor, bool in_order) {
  Finding finding(rules::gguf_range, "a tensor reaches beyond the file", context_.at(tensor.info_offset),
                  {{"offset", std::to_string(tensor.offset)}, {"bytes", std::to_string(tensor.bytes)}, {"data_size", std::to_string(data_size_)}});
  if (in_order) finding.severity = Severity::warning;
  context_.report(std::move(finding));
}

void GgufTensors::declare(std::uint64_t begin, std::uint64_t end) {
  if (end > begin) detect::declare_weights(context_, {data_begin_ + begin, end - begin});
}

void GgufTensors::examine_slack(std::uint64_t begin, std::uint64_t end, const Rule& rule, const char* message) {
  if (++slacks_ > k_max_slacks) return;
  const ByteRange region{data_begin_ + begin, end - begin};
  const detect::HiddenBytes hidden = detect::examine_hidden(context_, region, "bytes@" + std::to_string(region.offset));
  if (hidden.zero && &rule == &rules::gguf_padding) return;
  Finding finding(rule, message, context_.at(region.offset, region.length));
  finding.severity = hidden.severity(rule.severity);
  if (hidden.zero) finding.details.emplace_back("content", "zero bytes");
  for (const std::string& format : hidden.outcome.formats) finding.details.emplace_back("content", format);
  context_.report(std::move(finding));
}

void GgufTensors::judge_trailing(std::uint64_t begin) {
  if (begin >= data_size_) return;
  const ByteRange region{data_begin_ + begin, data_size_ - begin};
  const detect::HiddenBytes hidden = detect::examine_hidden(context_, region, "trailing@" + std::to_string(region.offset));
  if (hidden.zero) return;
  Finding finding(rules::gguf_trailing, "the file goes on after its last tensor", context_.at(region.offset, region.length),
                  {{"bytes", std::to_string(region.length)}});
  // A second format in the file: inert it is worth a look, with something active inside it is an attack.
  finding.severity = hidden.severity(hidden.outcome.recognised ? Severity::warning : rules::gguf_trailing.severity);
  for (const std::string& format : hidden.outcome.formats) finding.details.emplace_back("content", format);
  context_.report(std::move(finding));
}

void GgufTensors::look_at_starts() {
  std::size_t looks = 0;
  for (const bool bytewise : {true, false}) {
    for (const Placed& tensor : placed_) {
      if (tensor.bytewise != bytewise || tensor.bytes == 0 || tensor.offset > data_size_ || tensor.bytes > data_size_ - tensor.offset) continue;
      if (++looks > k_max_looks) return;
      detect::look_at_weights(context_, {data_begin_ + tensor.offset, tensor.bytes}, rules::gguf_embedded,
                              "tensor@" + std::to_string(data_begin_ + tensor.offset));
    }
  }
}

}  // namespace modelaudit::formats
