#include "wire/tar/header.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace modelaudit::wire::tar {

namespace {

std::string text_field(ByteView block, std::uint64_t offset, std::uint64_t length) {
  const std::string_view text = block.clip(offset, length).text();
  return std::string(text.substr(0, text.find('\0')));
}

std::optional<std::uint64_t> base256(ByteView field) {
  std::uint64_t value = field[0] & 0x7F;
  for (std::uint64_t i = 1; i < field.size(); ++i) {
    if (value >> 56 != 0) return std::nullopt;
    value = (value << 8) | field[i];
  }
  return value;
}

std::optional<std::uint64_t> number_field(ByteView block, std::uint64_t offset, std::uint64_t length) {
  const ByteView field = block.clip(offset, length);
  if ((field[0] & 0x80) != 0) return base256(field);
  std::uint64_t value = 0;
  bool is_done = false;
  for (std::uint64_t i = 0; i < field.size(); ++i) {
    const std::uint8_t c = field[i];
    if (c == ' ' || c == 0) {
      is_done = is_done || value != 0 || (i > 0 && field[i - 1] == '0');
      continue;
    }
    if (c < '0' || c > '7' || is_done) return std::nullopt;
    value = value * 8 + (c - '0');  // 12 octal digits fit 36 bits
  }
  return value;
}

/// Sum of all bytes with the checksum field as spaces; some old writers summed signed bytes.
bool has_right_sum(ByteView block) {
  const auto stored = number_field(block, 148, 8);
  if (!stored) return false;
  std::uint64_t plain = 0;
  std::int64_t with_sign = 0;
  for (std::uint64_t i = 0; i < k_block; ++i) {
    const std::uint8_t c = i >= 148 && i < 156 ? std::uint8_t{' '} : block[i];
    plain += c;
    with_sign += static_cast<std::int8_t>(c);
  }
  return *stored == plain || static_cast<std::int64_t>(*stored) == with_sign;
}

}  // namespace

std::optional<Header> read_header(ByteView block) {
  if (block.size() < k_block) return std::nullopt;
  Header header;
  header.has_magic = block.has(257, "ustar");
  header.has_checksum = has_right_sum(block);
  header.name = text_field(block, 0, 100);
  // POSIX has a prefix; GNU ("ustar  ") keeps other things there.
  if (block.has(257, std::string_view("ustar\0", 6))) {
    const std::string prefix = text_field(block, 345, 155);
    if (!prefix.empty()) header.name = prefix + "/" + header.name;
  }
  header.link = text_field(block, 157, 100);
  const auto size = number_field(block, 124, 12);
  header.size = size.value_or(0);
  header.has_size = size.has_value();
  header.mode = static_cast<std::uint32_t>(number_field(block, 100, 8).value_or(0));
  header.type = block[156] == 0 ? '0' : static_cast<char>(block[156]);
  return header;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::pair<std::string, std::string>> read_pax(ByteView body) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string_view rest = body.text();
  while (!rest.empty()) {
    const auto space = rest.find(' ');
    if (space == std::string_view::npos) break;
    const auto length = decimal(rest.substr(0, space));
    if (!length || *length <= space + 1 || *length > rest.size()) break;
    const std::string_view record = rest.substr(space + 1, *length - space - 2);  // without the newline
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) break;
    pairs.emplace_back(record.substr(0, equals), record.substr(equals + 1));
    rest.remove_prefix(*length);
  }
  return pairs;
}

}  // namespace modelaudit::wire::tar
