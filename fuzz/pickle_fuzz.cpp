// One input under the three names that decide how hard a pickle is looked for.
#include "scan_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  modelaudit::fuzz::scan_input(data, size, "model.pkl");
  modelaudit::fuzz::scan_input(data, size, "model.joblib");
  modelaudit::fuzz::scan_input(data, size, "model");
  return 0;
}
