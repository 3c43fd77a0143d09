// Code members of TorchScript archives: known by their role only, so that the judgement is called directly.
#include <cstdint>
#include <cstdlib>

#include "detect/torchscript_source/judge.hpp"
#include "modelaudit/bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = modelaudit::ByteView(std::as_bytes(std::span(data, size))).text();
  if (modelaudit::detect::judge_torchscript(text).findings != modelaudit::detect::judge_torchscript(text).findings) std::abort();
  return 0;
}
