// Programs and scripts: alone, and anywhere inside other bytes.
#include <cstdint>
#include <cstdlib>

#include "detect/executables.hpp"
#include "modelaudit/bytes.hpp"
#include "scan_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const modelaudit::ByteView view(std::as_bytes(std::span(data, size)));
  for (const auto& found : modelaudit::detect::find_executables(view)) {
    if (found.offset >= size) std::abort();
  }
  (void)modelaudit::detect::identify_script(view);
  modelaudit::fuzz::scan_input(data, size, "model.so");
  return 0;
}
