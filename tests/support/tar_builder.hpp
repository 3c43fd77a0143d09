#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace modelaudit::test {

/// One tar member; fields that are set lie.
struct TarMember {
  std::string name;
  std::string data = {};
  char type = '0';
  std::string link = {};
  unsigned mode = 0644;
  std::optional<std::uint64_t> size = {};
  bool good_checksum = true;
};

inline std::string tar_header(const TarMember& m) {
  std::string block(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  const auto octal = [](std::uint64_t value, int width) {
    std::string out;
    for (; width > 0; --width, value >>= 3) out.insert(out.begin(), static_cast<char>('0' + (value & 7)));
    return out;
  };
  put(0, m.name.substr(0, 100));
  put(100, octal(m.mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(m.size.value_or(m.data.size()), 11));
  put(136, octal(0, 11));
  block[156] = m.type;
  put(157, m.link.substr(0, 100));
  put(257, std::string("ustar\0" "00", 8));
  put(148, std::string(8, ' '));
  std::uint64_t sum = m.good_checksum ? 0 : 1;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  return block;
}

inline std::string tar_member(const TarMember& m) {
  return tar_header(m) + m.data + std::string((512 - m.data.size() % 512) % 512, '\0');
}

/// "length key=value\n"
inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::string body = " " + key + "=" + value + "\n";
  std::size_t length = body.size() + 1;
  while (std::to_string(length).size() + body.size() != length) ++length;
  return std::to_string(length) + body;
}

inline std::string tar_of(const std::vector<TarMember>& members) {
  std::string out;
  for (const TarMember& member : members) out += tar_member(member);
  return out + std::string(1024, '\0');
}

}  // namespace modelaudit::test
