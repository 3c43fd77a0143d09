#include "support/hex.hpp"

#include <cctype>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>

namespace modelaudit::test {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw std::runtime_error(std::string("not a hex digit: ") + c);
}

std::size_t read_string(std::string_view text, std::size_t i, std::vector<std::byte>& out) {
  for (++i; i < text.size() && text[i] != '"'; ++i) {
    char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      c = text[++i];
      if (c == 'n') c = '\n';
      if (c == 'r') c = '\r';
      if (c == 't') c = '\t';
      if (c == 'x') {
        out.push_back(static_cast<std::byte>(digit(text.at(i + 1)) * 16 + digit(text.at(i + 2))));
        i += 2;
        continue;
      }
    }
    out.push_back(static_cast<std::byte>(c));
  }
  return i + 1;
}

}  // namespace

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '#') {
      while (i < text.size() && text[i] != '\n') ++i;
    } else if (text[i] == '"') {
      i = read_string(text, i, out);
    } else if (text[i] == '*') {
      std::size_t count = 0;
      for (++i; i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0; ++i) {
        count = count * 10 + static_cast<std::size_t>(text[i] - '0');
      }
      if (out.empty() || count == 0) throw std::runtime_error("a repetition needs a byte before it and a count");
      const std::byte last = out.back();
      out.resize(out.size() + count - 1, last);
    } else if (std::isspace(static_cast<unsigned char>(text[i])) != 0) {
      ++i;
    } else {
      if (i + 1 >= text.size()) throw std::runtime_error("half a byte at the end");
      out.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
      i += 2;
    }
  }
  return out;
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return bytes_of(text);
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

}  // namespace modelaudit::test
