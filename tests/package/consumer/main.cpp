#include <cstdio>
#include <span>
#include <string>

#include <modelaudit/modelaudit.hpp>

// A host as small as can be: one malicious pickle, which must be found whatever way the library was linked.
int main() {
  modelaudit::Options options;
  options.cache.enabled = false;
  const modelaudit::Auditor auditor(options);
  const std::string evil = "cposix\nsystem\n(S'true'\ntR.";
  const auto result = auditor.scan_bytes(std::as_bytes(std::span(evil.data(), evil.size())), "evil.pkl");
  std::printf("%s: %s\n", std::string(modelaudit::library_version()).c_str(), modelaudit::to_string(result.verdict()));
  return result.verdict() == modelaudit::Verdict::malicious ? 0 : 1;
}
