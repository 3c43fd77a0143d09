/// @file
/// Pickles put together opcode by opcode; nothing here is ever loaded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modelaudit::test {

inline std::string raw(std::initializer_list<int> bytes) {
  std::string out;
  for (const int b : bytes) out += static_cast<char>(b);
  return out;
}
inline std::string le(std::uint64_t n, int width) {
  std::string out;
  for (int i = 0; i < width; ++i) out += static_cast<char>(n >> (8 * i) & 0xff);
  return out;
}
inline std::string proto(int version) { return raw({0x80, version}); }
/// SHORT_BINUNICODE, or BINUNICODE where that is too short.
inline std::string str(std::string_view text) {
  if (text.size() < 256) return raw({0x8c, static_cast<int>(text.size())}) + std::string(text);
  return "X" + le(text.size(), 4) + std::string(text);
}
inline std::string bytes(std::string_view data) { return "B" + le(data.size(), 4) + std::string(data); }
inline std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string stack_global(std::string_view module, std::string_view name) { return str(module) + str(name) + "\x93"; }
inline std::string tuple1(std::string_view a) { return std::string(a) + "\x85"; }
inline std::string tuple2(std::string_view a, std::string_view b) { return std::string(a) + std::string(b) + "\x86"; }
inline std::string tuple3(std::string_view a, std::string_view b, std::string_view c) {
  return std::string(a) + std::string(b) + std::string(c) + "\x87";
}
inline std::string reduce(std::string_view callable, std::string_view args) {
  return std::string(callable) + std::string(args) + "R";
}
/// Protocol 4: body and STOP.
inline std::string pickle4(std::string_view body) { return proto(4) + std::string(body) + "."; }
inline std::string system_call() { return reduce(stack_global("os", "system"), tuple1(str("echo pwned"))); }

}  // namespace modelaudit::test
