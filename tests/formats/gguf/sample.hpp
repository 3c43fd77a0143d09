#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modelaudit::test {

/// Builds GGUF files of any version and byte order, right ones and wrong ones.
class GgufBuilder {
 public:
  explicit GgufBuilder(std::uint32_t version = 3, bool big_endian = false) : version_(version), big_(big_endian) {}

  std::string number(std::uint64_t n, int width) const {
    std::string out;
    for (int i = 0; i < width; ++i) out.push_back(static_cast<char>(n >> (8 * (big_ ? width - 1 - i : i))));
    return out;
  }
  std::string length(std::uint64_t n) const { return number(n, version_ == 1 ? 4 : 8); }
  std::string text(std::string_view s) const { return length(s.size()) + std::string(s); }

  GgufBuilder& raw_pair(std::string_view key, std::uint32_t type, std::string_view value) {
    pairs_ += text(key) + number(type, 4) + std::string(value);
    ++pair_count_;
    return *this;
  }
  GgufBuilder& string(std::string_view key, std::string_view value) { return raw_pair(key, 8, text(value)); }
  GgufBuilder& u32(std::string_view key, std::uint32_t value) { return raw_pair(key, 4, number(value, 4)); }
  GgufBuilder& i32(std::string_view key, std::int32_t value) { return raw_pair(key, 5, number(static_cast<std::uint32_t>(value), 4)); }
  GgufBuilder& strings(std::string_view key, const std::vector<std::string>& values) {
    std::string out = number(8, 4) + length(values.size());
    for (const std::string& value : values) out += text(value);
    return raw_pair(key, 9, out);
  }
  GgufBuilder& numbers(std::string_view key, std::uint32_t type, int width, const std::vector<std::uint64_t>& values) {
    std::string out = number(type, 4) + length(values.size());
    for (const std::uint64_t value : values) out += number(value, width);
    return raw_pair(key, 9, out);
  }
  GgufBuilder& tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type, std::uint64_t offset) {
    infos_ += text(name) + number(dims.size(), 4);
    for (const std::uint64_t dim : dims) infos_ += number(dim, version_ == 1 ? 4 : 8);
    infos_ += number(type, 4) + number(offset, 8);
    ++tensor_count_;
    return *this;
  }
  GgufBuilder& counts(std::uint64_t tensors, std::uint64_t pairs) {
    tensor_count_ = tensors;
    pair_count_ = pairs;
    return *this;
  }
  /// The file, its data padded to 32.
  std::string build(std::string_view data = {}) const {
    std::string out = "GGUF" + number(version_, 4) + length(tensor_count_) + length(pair_count_) + pairs_ + infos_;
    out.resize((out.size() + 31) / 32 * 32);
    return out + std::string(data);
  }

 private:
  std::uint32_t version_;
  bool big_;
  std::string pairs_;
  std::string infos_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t pair_count_ = 0;
};

/// A small model as llama.cpp's converter writes it, without a vocabulary.
inline GgufBuilder small_model(std::uint32_t version = 3, bool big_endian = false) {
  GgufBuilder out(version, big_endian);
  out.string("general.architecture", "llama").string("general.type", "model").string("general.name", "demo");
  out.u32("llama.block_count", 2).u32("llama.embedding_length", 64).u32("llama.attention.head_count", 4);
  out.u32("llama.rope.dimension_count", 16);
  return out;
}

}  // namespace modelaudit::test
