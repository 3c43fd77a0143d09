#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "modelaudit/auditor.hpp"

namespace modelaudit::fuzz {

/// Scans an input twice with the built-in scanners and small limits; two different results are a bug.
inline void scan_input(const std::uint8_t* data, std::size_t size, std::string_view name) {
  static const Auditor auditor([] {
    Options options;
    options.cache.enabled = false;
    options.limits.decoded_bytes = std::uint64_t{64} << 20;
    options.limits.memory = std::uint64_t{256} << 20;
    options.limits.opcodes = 2'000'000;
    return options;
  }());
  const auto bytes = std::as_bytes(std::span(data, size));
  if (auditor.scan_bytes(bytes, name) != auditor.scan_bytes(bytes, name)) std::abort();
}

}  // namespace modelaudit::fuzz
