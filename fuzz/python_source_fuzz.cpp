// Python source.
#include <cstddef>
#include <cstdint>

#include "scan_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  modelaudit::fuzz::scan_input(data, size, "handler.py");
  return 0;
}
