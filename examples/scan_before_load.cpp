// A host that checks a model before it loads it, through the same descriptor: nobody can exchange the file between the
// check and the load.
//   example_scan_before_load MODEL
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "modelaudit/auditor.hpp"
#include "modelaudit/report.hpp"

namespace {

// Stands for the host's own loader, which reads from the descriptor that was checked.
void load_model(int fd) {
  const off_t size = lseek(fd, 0, SEEK_END);
  std::printf("loading %lld bytes\n", static_cast<long long>(size));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s MODEL\n", argv[0]);
    return 2;
  }
  const int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    std::perror(argv[1]);
    return 2;
  }
  modelaudit::Options options;
  options.cache.enabled = false;
  const modelaudit::Auditor auditor(options);
  const modelaudit::ScanResult result = auditor.scan_fd(fd, argv[1]);
  int status = 0;
  if (result.verdict() == modelaudit::Verdict::clean) {
    load_model(fd);
  } else {
    std::printf("refused: %s\n", modelaudit::to_string(result.verdict()));
    for (const modelaudit::Finding& finding : result.findings) {
      std::printf("  %s: %s\n", finding.rule.c_str(), modelaudit::escape_for_terminal(finding.message).c_str());
    }
    for (const modelaudit::Gap& gap : result.coverage.gaps) {
      std::printf("  not examined: %s\n", modelaudit::escape_for_terminal(gap.what).c_str());
    }
    status = 1;
  }
  close(fd);
  return status;
}
