#include <algorithm>
#include <string>
#include <vector>

#include "detect/code_text.hpp"
#include "detect/payload/payload.hpp"
#include "detect/paths.hpp"
#include "formats/safetensors/layout.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {
namespace {

namespace layout = safetensors_layout;
using layout::Problem;
using layout::Tensor;

// A header that does not lie about its length is never this long: the reference reader stops at 100 MB.
constexpr std::uint64_t k_max_header = std::uint64_t{256} << 20;
// Tensor starts that are looked at. Each touches a page: a few hundred cost nothing even on cold storage, the 90,000 of
// a large mixture of experts would cost minutes there. Byte-sized types come first, then the file's order: a payload in
// a tensor of floats has nobody to fetch it out, and the bound must not depend on chance.
constexpr std::size_t k_max_looks = 128;
// Holes that are examined one by one; a file with more is not a model.
constexpr std::size_t k_max_holes = 256;

std::string range_text(std::uint64_t begin, std::uint64_t end) { return std::to_string(begin) + ".." + std::to_string(end); }

struct ProblemRow {
  const Rule* rule;
  const char* message;
};

ProblemRow row_for(Problem problem) {
  switch (problem) {
    case Problem::duplicate_tensor: return {&rules::safetensors_duplicate, "a tensor is declared twice"};
    case Problem::duplicate_field: return {&rules::safetensors_duplicate, "a field of a tensor is declared twice"};
    case Problem::duplicate_metadata: return {&rules::safetensors_metadata_duplicate, "a metadata key occurs twice"};
    case Problem::bad_entry: return {&rules::safetensors_entry, "a tensor lacks a usable dtype, shape or data_offsets"};
    case Problem::bad_offsets: return {&rules::safetensors_range, "data_offsets are not an ascending pair of whole numbers"};
    case Problem::shape_overflow: return {&rules::safetensors_range, "a tensor's size does not fit 64 bits"};
    case Problem::size_mismatch: return {&rules::safetensors_range, "shape and dtype ask for another size than data_offsets give"};
    case Problem::extra_field: return {&rules::safetensors_extra_field, "a tensor entry has an unknown field"};
    case Problem::deep: return {&rules::safetensors_deep, "the header is nested deeper than the format allows"};
    case Problem::metadata_type: return {&rules::safetensors_metadata_type, "a metadata value is not text"};
    case Problem::metadata_nested: return {&rules::safetensors_metadata_nested, "metadata holds a nested structure"};
    case Problem::unknown_dtype: break;  // a gap, not a finding
  }
  return {nullptr, ""};
}

class SafetensorsScan final : layout::HeaderObserver {
 public:
  explicit SafetensorsScan(ScanContext& context) : context_(context), charge_(context.budget()), payloads_(context) {}

  void run() {
    if (!open_header()) return;
    layout::Header header = layout::parse_header(json_, context_.budget(), charge_, *this);
    judge_header_text(header.quirks);
    context_.metadata("tensor_count", std::to_string(tensor_count_));
    if (header_is_cut_) throw_malformed(Errc::truncated, 0, "safetensors: header longer than the file");
    judge_ranges(header.tensors);
    look_at_starts(header.tensors);
  }

 private:
  // Sets json_ and the bounds of the data; false when there is nothing to parse.
  bool open_header() {
    const std::uint64_t size = context_.size();
    const std::uint64_t declared = ByteReader(context_.bytes(0, std::min(size, layout::k_length_size))).le<std::uint64_t>();
    const std::uint64_t there = size - layout::k_length_size;
    const Details evidence{{"header_length", std::to_string(declared)}, {"file_size", std::to_string(size)}};
    if (declared < 2) {
      context_.report(Finding(rules::safetensors_length, "the header is shorter than an empty object", context_.at(0), evidence));
      context_.inconclusive(GapKind::corrupt, "safetensors: header too short", context_.at(0));
      return false;
    }
    if (declared > there) {
      header_is_cut_ = true;
      context_.report(Finding(rules::safetensors_length, "the header is declared longer than the file", context_.at(0), evidence));
    } else if (declared > layout::k_reference_header_limit) {
      context_.report(Finding(rules::safetensors_length, "the header is longer than the reference reader accepts", context_.at(0), evidence));
    }
    if (!header_is_cut_ && declared > k_max_header) {
      throw_malformed(Errc::limit, 0, "safetensors: header longer than 256 MiB");
    }
    json_ = context_.bytes(layout::k_length_size, std::min({declared, there, k_max_header}));
    data_begin_ = layout::k_length_size + declared;
    data_size_ = header_is_cut_ ? 0 : size - data_begin_;
    return true;
  }

  void on_problem(Problem problem, std::string_view name, std::uint64_t offset) override {
    if (problem == Problem::unknown_dtype) {
      if (++unknown_dtypes_ == 1) {
        context_.inconclusive(GapKind::unsupported, "safetensors: unknown dtype, the tensor's size could not be checked", context_.at(offset));
      }
      return;
    }
    const ProblemRow row = row_for(problem);
    context_.report(Finding(*row.rule, row.message, context_.at(offset), {{"name", std::string(name)}}));
  }

  void on_text(std::string_view key, std::string_view value, std::uint64_t offset) override {
    payloads_.scan(as_view(value, offset), key);
    const auto code = detect::find_code(value);
    if (!code) return;
    Finding finding(rules::safetensors_metadata_code, "a metadata value is code", context_.at(offset),
                    {{"key", std::string(key)}, {"kind", std::string(detect::to_string(code->kind))}, {"extract", code->extract}});
    // HTML in a model card's text is run by nobody who loads weights.
    if (code->kind == detect::CodeKind::script_tag) finding.severity = Severity::info;
    context_.report(std::move(finding));
  }

  void on_tensor(std::string_view name, std::uint64_t offset) override {
    ++tensor_count_;
    const bool plain = name.find("..") == std::string_view::npos &&
                       std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (plain) return;
    const detect::PathFacts facts = detect::judge_member_name(name).facts;
    if (!facts.has(detect::PathFact::below_root) && !facts.has(detect::PathFact::nul) && !facts.has(detect::PathFact::control)) return;
    context_.report(Finding(rules::safetensors_name, "a tensor's name leaves its folder or holds control bytes", context_.at(offset),
                            {{"name", std::string(name)}}));
  }

  void judge_header_text(const layout::HeaderQuirks& quirks) {
    if (quirks.byte_order_mark || quirks.json_begin != json_.offset()) {
      context_.report(Finding(rules::safetensors_header_padding, "the header does not begin with its JSON object", context_.at(json_.offset())));
    }
    if (quirks.invalid_text) {
      context_.report(Finding(rules::safetensors_text, "the header holds text that strict readers refuse", context_.at(*quirks.invalid_text)));
    }
    context_.cover(0, quirks.json_end);
    if (header_is_cut_) return;
    const ByteView tail = json_.from(quirks.json_end - json_.offset());
    if (tail.empty() || tail.all(' ')) return context_.cover(tail.offset(), tail.size());
    const auto is_padding = [](char c) { return c == ' ' || c == '\0' || c == '\n' || c == '\r' || c == '\t'; };
    const std::string_view text = tail.text();
    if (std::all_of(text.begin(), text.end(), is_padding)) {
      context_.cover(tail.offset(), tail.size());
      context_.report(Finding(rules::safetensors_header_padding, "the header is padded with something else than spaces", context_.at(tail.offset(), tail.size())));
      return;
    }
    report_hidden(rules::safetensors_header_tail, "content follows the header's JSON object", {tail.offset(), tail.size()});
  }

  void report_hidden(const Rule& rule, const char* message, ByteRange region) {
    const std::string name = "bytes@" + std::to_string(region.offset);
    const detect::HiddenBytes hidden = detect::examine_hidden(context_, region, name);
    Finding finding(rule, message, context_.at(region.offset, region.length), {{"bytes", std::to_string(region.length)}});
    finding.severity = hidden.severity(rule.severity);
    if (hidden.zero) finding.details.emplace_back("content", "zero bytes");
    for (const std::string& format : hidden.outcome.formats) finding.details.emplace_back("content", format);
    context_.report(std::move(finding));
  }

  // Walks the tensors in the order of their data: contiguous from 0 to the end of the file, says the format.
  void judge_ranges(std::vector<Tensor>& tensors) {
    const auto before = [](const Tensor& a, const Tensor& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; };
    if (!std::is_sorted(tensors.begin(), tensors.end(), before)) std::sort(tensors.begin(), tensors.end(), before);
    std::uint64_t expected = 0;   // where the next tensor should begin
    std::uint64_t run_begin = 0;  // of the contiguous region that is declared next
    std::size_t holes = 0;
    bool cut = false;
    for (const Tensor& tensor : tensors) {
      if (tensor.end > data_size_) {
        cut = true;
        report_tensor(rules::safetensors_range, "a tensor reaches beyond the file", tensor);
      }
      if (tensor.begin < expected && tensor.end > tensor.begin) report_tensor(rules::safetensors_overlap, "a tensor shares bytes with another", tensor);
      if (tensor.begin > expected && expected < data_size_) {
        declare(run_begin, expected);
        const std::uint64_t hole_end = std::min(tensor.begin, data_size_);
        if (++holes <= k_max_holes) {
          report_hidden(rules::safetensors_gap, "bytes between tensors belong to none", {data_begin_ + expected, hole_end - expected});
        }
        run_begin = hole_end;
      }
      expected = std::max(expected, std::min(tensor.end, data_size_));
    }
    declare(run_begin, expected);
    if (cut) context_.inconclusive(GapKind::truncated, "safetensors: a tensor's data is missing", context_.at(context_.size()));
    if (expected < data_size_) {
      report_hidden(rules::safetensors_trailing, "the file goes on after its last tensor", {data_begin_ + expected, data_size_ - expected});
    }
  }

  void declare(std::uint64_t begin, std::uint64_t end) {
    if (end > begin) detect::declare_weights(context_, {data_begin_ + begin, end - begin});
  }

  void report_tensor(const Rule& rule, const char* message, const Tensor& tensor) {
    context_.report(Finding(rule, message, context_.at(layout::k_length_size + tensor.name_offset),
                            {{"tensor", layout::tensor_name(json_, tensor)},
                             {"data_offsets", range_text(tensor.begin, tensor.end)},
                             {"data_size", std::to_string(data_size_)}}));
  }

  void look_at_starts(const std::vector<Tensor>& tensors) {
    std::size_t looks = 0;
    for (const bool bytewise : {true, false}) {
      for (const Tensor& tensor : tensors) {
        if (tensor.bytewise != bytewise || tensor.end <= tensor.begin || tensor.end > data_size_) continue;
        if (++looks > k_max_looks) return;
        detect::look_at_weights(context_, {data_begin_ + tensor.begin, tensor.end - tensor.begin}, rules::safetensors_embedded,
                                layout::tensor_name(json_, tensor));
      }
    }
  }

  ScanContext& context_;
  MemoryCharge charge_;
  detect::TextPayloads payloads_;
  ByteView json_;
  std::uint64_t data_begin_ = 0;
  std::uint64_t data_size_ = 0;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t unknown_dtypes_ = 0;
  bool header_is_cut_ = false;
};

class SafetensorsScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo info{.id = "safetensors",
                                  .version = 1,
                                  .description = "SafeTensors: header, ranges, metadata, hidden bytes",
                                  .extensions = {".safetensors"}};
    return info;
  }

  // The length is checked against the file and the object against the length: other data does not pass by chance.
  Match match(const Probe& probe) const override {
    const ByteView head = probe.head();
    const auto length = head.le<std::uint64_t>(0);
    const bool named = probe.name_ends_with(".safetensors");
    if (!length) return named && !head.empty() ? Match::strong : Match::no;
    const auto size = probe.size();
    const ByteView json = head.from(layout::k_length_size);
    if (size && *length >= 2 && *length <= *size - layout::k_length_size && starts_object(json)) {
      const ByteView last = probe.bytes(layout::k_length_size + *length - 1, 1);
      if (!last.empty() && (last[0] == '}' || last[0] == ' ' || last[0] == 0 || last[0] == '\n')) return Match::strong;
      if (last.empty()) return Match::strong;  // a stream: its end cannot be seen
    }
    if (json.starts_with("{\"") && json.first(k_probe_window).find("\"data_offsets\"")) return Match::strong;
    return named ? Match::weak : Match::no;
  }

  void scan(ScanContext& context) const override { SafetensorsScan(context).run(); }

 private:
  static constexpr std::uint64_t k_probe_window = 4096;

  static bool starts_object(ByteView json) {
    std::uint64_t i = json.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    while (i < json.size() && (json[i] == ' ' || json[i] == '\n' || json[i] == '\r' || json[i] == '\t')) ++i;
    if (i >= json.size() || json[i] != '{') return false;
    ++i;
    while (i < json.size() && (json[i] == ' ' || json[i] == '\n' || json[i] == '\r' || json[i] == '\t')) ++i;
    return i < json.size() && (json[i] == '"' || json[i] == '}');
  }
};

}  // namespace

const Scanner& safetensors() {
  static const SafetensorsScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
