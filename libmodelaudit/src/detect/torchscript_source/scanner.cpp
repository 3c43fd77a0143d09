#include "detect/torchscript_source/judge.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::formats {

namespace {

/// Code members of a TorchScript archive. Only the archive knows that they are: by role.
class TorchScriptScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override { return info_; }

  Match match(const Probe& probe) const override { return probe.role() == "torchscript-source" ? Match::strong : Match::no; }

  void scan(ScanContext& context) const override {
    const std::uint64_t size = context.size();
    detect::TorchScriptJudgement judgement = detect::judge_torchscript(context.bytes(0, size).text());
    for (Finding& finding : judgement.findings) context.report(std::move(finding));
    if (!judgement.complete) context.inconclusive(GapKind::limit, "torchscript: more code than is read");
    context.cover(0, size);
  }

 private:
  ScannerInfo info_{.id = "torchscript-source", .version = 1, .description = "code of TorchScript archives", .extensions = {}};
};

}  // namespace

const Scanner& torchscript_source() {
  static const TorchScriptScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
