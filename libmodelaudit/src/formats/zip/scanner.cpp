#include <algorithm>

#include "formats/zip/walk.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::formats {

namespace zip_archive {

wire::zip::Source source_of(ScanContext& context) {
  wire::zip::Source source;
  source.size = context.size();
  source.bytes = [&context, size = source.size](std::uint64_t offset, std::uint64_t length) {
    if (offset >= size) return ByteView({}, size);
    return ByteView(context.bytes(offset, std::min(length, size - offset)).span(), offset);
  };
  source.checkpoint = [&context] { context.budget().checkpoint(); };
  return source;
}

namespace {

wire::zip::Source source_of(const Probe& probe) {
  wire::zip::Source source;
  source.size = probe.size().value_or(probe.head().size());
  source.bytes = [&probe](std::uint64_t offset, std::uint64_t length) {
    return ByteView(probe.bytes(offset, length).span(), offset);
  };
  return source;
}

class ZipScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo k_info{"zip", 1, "ZIP archives: every member in every reading that a loader may have",
                                    {".zip", ".pt", ".pth", ".ckpt", ".npz", ".keras", ".mar", ".whl", ".jar"}, false, true};
    return k_info;
  }
  Match match(const Probe& probe) const override {
    const wire::zip::Claim claim = wire::zip::claim_of(source_of(probe));
    return claim.starts || claim.ends ? Match::strong : Match::no;
  }
  void scan(ScanContext& context) const override { Walk(context).run(); }
};

}  // namespace

}  // namespace zip_archive

const Scanner& zip() {
  static const zip_archive::ZipScanner k_scanner;
  return k_scanner;
}

}  // namespace modelaudit::formats
