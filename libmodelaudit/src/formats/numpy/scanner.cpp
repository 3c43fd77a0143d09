#include <algorithm>
#include <memory>
#include <string>

#include "detect/payload/payload.hpp"
#include "formats/numpy/layout.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"
#include "wire/pickle/lexer.hpp"

namespace modelaudit::formats {
namespace {

namespace layout = npy_layout;

// Arrays that follow each other in one file (several numpy.save calls on one handle).
constexpr std::uint64_t k_max_arrays = 65'536;
// No machine has this much memory: the number is a lie whatever follows.
constexpr std::uint64_t k_absurd_size = std::uint64_t{1} << 47;

// The rest of a decoded input as an input of its own.
class RestSource final : public ByteSource {
 public:
  RestSource(std::unique_ptr<ForwardReader> reader, std::uint64_t offset) : reader_(std::move(reader)) { reader_->advance(offset); }

  std::size_t read(std::span<std::byte> into) override {
    const std::span<const std::byte> window = reader_->window(1).span();
    const std::size_t n = std::min(into.size(), window.size());
    std::copy_n(window.begin(), n, into.begin());
    reader_->advance(n);
    return n;
  }

 private:
  std::unique_ptr<ForwardReader> reader_;
};

class NpyScan {
 public:
  explicit NpyScan(ScanContext& context) : context_(context), reader_(context.stream()) {}

  void run() {
    while (scan_array()) {
      context_.budget().checkpoint();
      if (++arrays_ > k_max_arrays) throw_malformed(Errc::limit, reader_->position(), "npy: more arrays in one file than the limit");
      const ByteView next = reader_->window(layout::k_magic_size);
      if (next.empty()) break;
      if (!next.starts_with("\x93NUMPY")) return report_trailing();
    }
  }

 private:
  // One array with its data; false when what follows cannot be found.
  bool scan_array() {
    const std::uint64_t begin = reader_->position();
    const ByteView head = reader_->window(12);
    const auto prefix = layout::parse_prefix(head);
    if (!prefix) return refuse_header(prefix.error(), begin + layout::k_magic_size);
    if (prefix->header_length > std::min(layout::k_max_header, reader_->max_window())) {
      const bool beyond = reader_->size() && prefix->header_length > *reader_->size() - begin;
      return refuse_header({beyond ? Errc::truncated : Errc::limit, begin, "npy: header longer than the file or the limit"},
                           begin + prefix->header_offset);
    }
    reader_->advance(prefix->header_offset);
    const std::uint64_t header_at = reader_->position();
    const ByteView text = reader_->window(prefix->header_length).first(prefix->header_length);
    if (text.size() < prefix->header_length) {
      return refuse_header({Errc::truncated, header_at, "npy: header longer than the file"}, header_at);
    }
    const auto header = layout::parse_header(text);
    if (!header) return refuse_header(header.error(), header_at + prefix->header_length);
    reader_->advance(prefix->header_length);
    context_.cover(begin, reader_->position() - begin);
    if (arrays_ == 0) describe(*header);
    return header->dtype.has_object ? scan_objects(*header) : scan_numbers(*header);
  }

  // The header says nothing that can be relied on: what follows it is examined for what it is.
  bool refuse_header(const Failure& failure, std::uint64_t data_at) {
    if (failure.code != Errc::truncated) {
      context_.report(Finding(rules::npy_header, failure.what, context_.at(failure.offset)));
    }
    context_.inconclusive(kind_of(failure.code), failure.what, context_.at(failure.offset));
    scan_rest(data_at, "data", "");
    return false;
  }

  static GapKind kind_of(Errc code) {
    return code == Errc::truncated ? GapKind::truncated : code == Errc::unsupported ? GapKind::unsupported
           : code == Errc::limit ? GapKind::limit : GapKind::corrupt;
  }

  void describe(const layout::Header& header) {
    context_.metadata("descr", header.descr.substr(0, 256));
    if (header.elements) context_.metadata("elements", std::to_string(*header.elements));
  }

  bool scan_objects(const layout::Header& header) {
    const std::uint64_t data_at = reader_->position();
    context_.report(Finding(rules::npy_object, "the array holds Python objects: its data are a pickle", context_.at(data_at),
                            {{"descr", header.descr.substr(0, 256)}}));
    const auto end = pickle_end();
    if (!end) {
      scan_rest(data_at, "objects", "numpy-object-data");
      return false;
    }
    Child child;
    child.name = child_name("objects");
    child.content = ByteRange{data_at, *end - data_at};
    child.role = "numpy-object-data";
    child.may_be_unknown = false;
    context_.scan_child(std::move(child));
    reader_->advance(*end - data_at);
    return true;
  }

  // Where the pickle at the reader's position ends, for what may follow it; nothing when it does not end, or when the
  // input cannot be handed on in parts.
  std::optional<std::uint64_t> pickle_end() {
    if (context_.probe().is_stream()) return std::nullopt;
    const auto ahead = context_.stream();
    ahead->advance(reader_->position());
    wire::pickle::Lexer lexer(*ahead);
    wire::pickle::Token token;
    for (std::uint64_t opcodes = 1; lexer.next(token) == wire::pickle::LexStatus::ok; ++opcodes) {
      if ((opcodes & 0xFFF) == 0) context_.budget().checkpoint();
      if (token.code == '.') return lexer.position();
    }
    return std::nullopt;
  }

  bool scan_numbers(const layout::Header& header) {
    const std::uint64_t data_at = reader_->position();
    const auto wanted = header.elements && header.dtype.item_size ? checked_mul(*header.elements, *header.dtype.item_size) : std::nullopt;
    if (!header.dtype.known) {
      return refuse_header({Errc::unsupported, data_at, "npy: descr names a type that is not known"}, data_at);
    }
    if (header.negative_shape || !wanted || *wanted > k_absurd_size) {
      const char* what = header.negative_shape ? "npy: shape is negative" : "npy: shape asks for more than any machine holds";
      context_.report(Finding(rules::npy_size, what, context_.at(data_at), {{"descr", header.descr.substr(0, 256)}}));
      context_.inconclusive(GapKind::corrupt, what, context_.at(data_at));
      scan_rest(data_at, "data", "");
      return false;
    }
    const std::uint64_t there = reader_->advance(*wanted);
    detect::declare_weights(context_, {data_at, there});
    if (there < *wanted) {
      context_.inconclusive(GapKind::truncated, "npy: data shorter than the shape asks for", context_.at(data_at + there));
    }
    if (header.dtype.bytewise && !context_.probe().is_stream()) {
      detect::look_at_weights(context_, {data_at, there}, rules::npy_embedded, child_name("data"));
    }
    return there == *wanted;
  }

  void report_trailing() {
    const std::uint64_t at = reader_->position();
    const ChildOutcome outcome = scan_rest(at, "trailing", "");
    Finding finding(rules::npy_trailing, "the file goes on after its array", context_.at(at));
    if (outcome.worst) finding.severity = std::max(finding.severity, *outcome.worst);
    for (const std::string& format : outcome.formats) finding.details.emplace_back("content", format);
    context_.report(std::move(finding));
  }

  // Everything from `at` on as one child, whether the input has parts or only an order.
  ChildOutcome scan_rest(std::uint64_t at, const char* name, const char* role) {
    const auto size = reader_->size();
    if (size && at >= *size) return {};
    Child child;
    child.name = child_name(name);
    child.role = role;
    if (context_.probe().is_stream()) {
      child.content = Child::Decoder([this, at] { return std::make_unique<RestSource>(context_.stream(), at); });
    } else {
      child.content = ByteRange{at, *size - at};
    }
    return context_.scan_child(std::move(child));
  }

  // Arrays after the first are numbered.
  std::string child_name(const char* what) const {
    return arrays_ == 0 ? std::string(what) : std::string(what) + "#" + std::to_string(arrays_);
  }

  ScanContext& context_;
  std::unique_ptr<ForwardReader> reader_;
  std::uint64_t arrays_ = 0;
};

class NpyScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo info{.id = "npy",
                                  .version = 1,
                                  .description = "NumPy arrays: header, size, object data, what follows",
                                  .extensions = {".npy"},
                                  .forward_only = true};
    return info;
  }

  Match match(const Probe& probe) const override { return probe.head().starts_with("\x93NUMPY") ? Match::strong : Match::no; }

  void scan(ScanContext& context) const override { NpyScan(context).run(); }
};

}  // namespace

const Scanner& npy() {
  static const NpyScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
