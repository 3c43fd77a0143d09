#include "detect/sweep.hpp"

#include "detect/executables.hpp"
#include "detect/executables/report.hpp"

namespace modelaudit::detect {

namespace {

constexpr std::uint64_t k_piece = std::uint64_t{16} << 20;  // between two looks at the clock

}  // namespace

void sweep(ScanContext& context, ByteView bytes) {
  if (const auto script = identify_script(bytes.first(64 << 10))) context.report(script_finding(*script, bytes.offset()));
  for (std::uint64_t at = 0; at < bytes.size(); at += k_piece) {
    context.budget().checkpoint();
    for (const EmbeddedExecutable& found : find_executables(bytes.from(at), 64, k_piece)) {
      Finding finding = program_finding(found.kind, found.offset, false);
      // Inside other bytes the default of the rule holds: only a file that is wholly a program masquerades.
      finding.severity = rule_for(found.kind).severity;
      context.report(std::move(finding));
    }
  }
}

}  // namespace modelaudit::detect
