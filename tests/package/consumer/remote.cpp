#include <cstdio>

#include <modelaudit/sources.hpp>

// A host that scans on servers: without asking any, what is refused before the network shows that the library is there.
int main() {
  modelaudit::Options options;
  options.cache.enabled = false;
  const modelaudit::Auditor auditor(options);
  const auto report = modelaudit::scan_source(auditor, "https://user:secret@example.jfrog.io/artifactory/models/x.pkl");
  if (report.errors.size() != 1) return 1;
  std::printf("%s: %s\n", report.errors[0].path.c_str(), report.errors[0].message.c_str());
  return report.errors[0].code == modelaudit::Errc::refused && report.errors[0].path.find("secret") == std::string::npos ? 0 : 1;
}
