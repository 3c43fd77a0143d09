// A host with a format of its own: a scanner beside the built-in ones. The format is a toy: "ACME", a little-endian
// 32-bit length, a start-up script of that length, and a model that the built-in scanners know.
#include <cstdio>
#include <string>

#include "modelaudit/auditor.hpp"

namespace {

using namespace modelaudit;

constexpr Rule k_start_script{
    "acme-start-script", "Start-up script", Severity::critical,
    "The runtime runs the script in the file's head as soon as the model is opened.",
    "Load only models whose script is empty.", "", ""};

class AcmeScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo info{"acme", 1, "ACME runtime packages", {".acme"}};
    return info;
  }

  Match match(const Probe& probe) const override {
    return probe.head().starts_with("ACME") ? Match::strong : Match::no;
  }

  void scan(ScanContext& context) const override {
    ByteReader in(context.bytes(0, 8));
    in.expect_magic("ACME");
    const std::uint64_t script_size = in.le<std::uint32_t>();
    const ByteView script = context.bytes(8, script_size);  // throws when the file is shorter: a gap, never a crash
    context.cover(0, 8 + script_size);
    if (!script.empty()) context.report(Finding(k_start_script, "The package carries a start-up script", ScanContext::at(8, script_size)));
    // The rest is for whoever recognises it: the engine identifies and scans it like a file of its own.
    Child model{"model", ByteRange{8 + script_size, context.size() - 8 - script_size}};
    model.may_be_unknown = false;
    context.scan_child(std::move(model));
  }
};

ScanResult scan(const Auditor& auditor, const std::string& bytes) {
  return auditor.scan_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), "package.acme");
}

bool expect(const char* what, const ScanResult& result, Verdict verdict) {
  std::printf("%-40s %s\n", what, to_string(result.verdict()));
  return result.verdict() == verdict;
}

}  // namespace

int main() {
  ScannerRegistry registry = ScannerRegistry::builtin();
  registry.add(std::make_shared<AcmeScanner>());
  Options options;
  options.cache.enabled = false;
  const Auditor auditor(options, registry);

  const std::string no_script("ACME\0\0\0\0", 8);
  const std::string script("ACME\3\0\0\0rm ", 11);
  const std::string harmless("\x80\x04]q\0.", 6);                  // an empty list, pickled
  const std::string evil("cposix\nsystem\n(S'true'\ntR.");         // a pickle that runs a command
  bool good = expect("harmless pickle, no script", scan(auditor, no_script + harmless), Verdict::clean);
  good &= expect("start-up script", scan(auditor, script + harmless), Verdict::malicious);
  good &= expect("malicious pickle inside", scan(auditor, no_script + evil), Verdict::malicious);
  good &= expect("cut short", scan(auditor, script.substr(0, 9)), Verdict::inconclusive);
  return good ? 0 : 1;
}
