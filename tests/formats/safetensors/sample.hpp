#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modelaudit::test {

inline std::string le64(std::uint64_t n) {
  std::string out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
  return out;
}

/// A file from its header's text and its data; the length field is right.
inline std::string safetensors_file(std::string_view header, std::string_view data) {
  return le64(header.size()) + std::string(header) + std::string(data);
}

/// `"name":{…}` of a tensor of F32.
inline std::string f32(std::string_view name, std::uint64_t elements, std::uint64_t begin, std::uint64_t end) {
  return '"' + std::string(name) + R"(":{"dtype":"F32","shape":[)" + std::to_string(elements) + R"(],"data_offsets":[)" +
         std::to_string(begin) + ',' + std::to_string(end) + "]}";
}

}  // namespace modelaudit::test
