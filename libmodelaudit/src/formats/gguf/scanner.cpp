#include <algorithm>
#include <memory>
#include <string>

#include "formats/gguf/layout.hpp"
#include "formats/gguf/metadata.hpp"
#include "formats/gguf/tensors.hpp"
#include "modelaudit/error.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {
namespace {

namespace layout = gguf_layout;

// Hands each event to whom it concerns.
class Dispatcher final : public layout::Observer {
 public:
  explicit Dispatcher(ScanContext& context) : context_(context), metadata(context), tensors(context) {}

  void on_key(std::string_view key, std::uint64_t offset) override { metadata.on_key(key, offset); }
  void on_scalar(const layout::Scalar& value, std::uint64_t offset) override { metadata.on_scalar(value, offset); }
  void on_string(ByteView text) override { metadata.on_string(text); }
  bool on_array(const layout::Array& array, std::uint64_t offset) override { return metadata.on_array(array, offset); }
  void on_element(std::uint64_t index, const layout::Scalar& value) override { metadata.on_element(index, value); }
  void on_element(std::uint64_t index, ByteView text) override { metadata.on_element(index, text); }
  void on_tensor(const layout::TensorInfo& tensor) override { tensors.on_tensor(tensor); }
  void on_absurd(const char* what, std::uint64_t number, std::uint64_t offset) override {
    context_.report(Finding(rules::gguf_count, what, context_.at(offset), {{"declared", std::to_string(number)}}));
  }

 private:
  ScanContext& context_;

 public:
  GgufMetadata metadata;
  GgufTensors tensors;
};

void scan_gguf(ScanContext& context) {
  const auto reader = context.stream();
  layout::Cursor in(*reader);
  const layout::Header header = layout::parse_header(in);
  context.metadata("version", std::to_string(header.version));
  if (header.endian == layout::Endian::big) context.metadata("byte_order", "big");
  context.metadata("tensor_count", std::to_string(header.tensor_count));
  context.metadata("pair_count", std::to_string(header.pair_count));

  Dispatcher events(context);
  layout::Walker walker(in, header, context.budget(), events);
  constexpr std::uint64_t k_counts_at = 8;
  if (header.tensor_count > layout::k_absurd_count) {
    events.on_absurd("more tensors are declared than any file holds", header.tensor_count, k_counts_at);
  }
  if (header.pair_count > layout::k_absurd_count) {
    events.on_absurd("more pairs are declared than any file holds", header.pair_count, k_counts_at);
  }
  try {
    walker.read_pairs();
  } catch (const Malformed&) {
    events.metadata.judge(header);  // what was read counts
    throw;
  }
  events.metadata.judge(header);
  walker.read_tensors();
  const std::uint64_t infos_end = in.offset();
  context.cover(0, infos_end);
  if (context.probe().is_stream()) {
    // Too large to hold and decoded as it is read: what the header says was judged, where the data lie cannot be.
    context.inconclusive(GapKind::unsupported, "gguf: data of a compressed file larger than the memory for members", context.at(infos_end));
    return;
  }
  if (!events.metadata.alignment()) throw_malformed(Errc::malformed, infos_end, "gguf: without an alignment the data cannot be found");
  events.tensors.judge_data(infos_end, *events.metadata.alignment());
}

class GgufScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo info{.id = "gguf",
                                  .version = 1,
                                  .description = "GGUF: templates, metadata, vocabulary, tensors and their ranges",
                                  .extensions = {".gguf"},
                                  .forward_only = true};
    return info;
  }

  Match match(const Probe& probe) const override { return probe.head().starts_with("GGUF") ? Match::strong : Match::no; }

  void scan(ScanContext& context) const override { scan_gguf(context); }
};

}  // namespace

const Scanner& gguf() {
  static const GgufScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
