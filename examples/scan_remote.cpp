// A registry's gate: scan a model where it lies before anybody downloads it.
//   scan_remote REFERENCE
#include <cstdio>
#include <modelaudit/error.hpp>
#include <modelaudit/report.hpp>
#include <modelaudit/sources.hpp>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: scan_remote REFERENCE\n");
    return 2;
  }
  try {
    modelaudit::SourceOptions source = modelaudit::source_options_from_environment();
    source.file_size = std::uint64_t{10} << 30;
    source.progress = [](const modelaudit::FetchProgress& now) {
      if (now.bytes_done == now.bytes_total) std::fprintf(stderr, "fetching %.*s\n", static_cast<int>(now.url.size()), now.url.data());
    };
    const modelaudit::Auditor auditor;
    const modelaudit::ScanReport report = modelaudit::scan_source(auditor, argv[1], source);
    std::fputs(modelaudit::render_text(report).c_str(), stdout);
    return modelaudit::exit_status(report);
  } catch (const modelaudit::Error& error) {
    std::fprintf(stderr, "scan_remote: %s\n", error.what());
    return 2;
  }
}
