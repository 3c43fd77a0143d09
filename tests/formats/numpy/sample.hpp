#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modelaudit::test {

/// An .npy file of any version; the header is padded as numpy pads it.
inline std::string npy_file(std::string_view header, std::string_view data, int version = 1) {
  std::string text(header);
  const std::size_t fixed = version == 1 ? 10 : 12;
  while ((fixed + text.size() + 1) % 64 != 0) text.push_back(' ');
  text.push_back('\n');
  std::string out = "\x93NUMPY";
  out.push_back(static_cast<char>(version));
  out.push_back('\0');
  for (std::size_t i = 0; i < fixed - 8; ++i) out.push_back(static_cast<char>(text.size() >> (8 * i)));
  return out + text + std::string(data);
}

/// The header's dict.
inline std::string npy_header(std::string_view descr, std::string_view shape) {
  return "{'descr': " + std::string(descr) + ", 'fortran_order': False, 'shape': " + std::string(shape) + ", }";
}

}  // namespace modelaudit::test
