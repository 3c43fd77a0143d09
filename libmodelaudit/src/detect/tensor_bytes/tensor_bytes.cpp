#include "detect/tensor_bytes.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "detect/executables.hpp"
#include "io/range_reader.hpp"
#include "wire/pickle/lexer.hpp"

namespace modelaudit::detect {

namespace {

bool starts_like_an_archive(ByteView start) {
  static constexpr std::array<std::string_view, 9> k_magics = {
      std::string_view("PK\x03\x04"),     std::string_view("BZh91AY&SY"),    std::string_view("\xFD" "7zXZ\0", 6),
      std::string_view("7z\xBC\xAF\x27\x1C"), std::string_view("Rar!\x1A\x07"), std::string_view("\x93NUMPY"),
      std::string_view("\x89HDF\r\n\x1A\n"), std::string_view("\x28\xB5\x2F\xFD"), std::string_view("\x04\x22\x4D\x18")};
  if (std::any_of(k_magics.begin(), k_magics.end(), [&](std::string_view magic) { return start.starts_with(magic); })) return true;
  // gzip: method 8, no reserved flags, a known operating system
  return start.size() >= 10 && start.starts_with("\x1F\x8B\x08") && (start[3] & 0xE0) == 0 && (start[9] <= 13 || start[9] == 255);
}

bool starts_like_a_program(ByteView start) {
  static constexpr std::array<std::string_view, 8> k_magics = {
      std::string_view("MZ"),                 std::string_view("\x7F" "ELF"),          std::string_view("\xFE\xED\xFA"),
      std::string_view("\xCE\xFA\xED\xFE"),   std::string_view("\xCF\xFA\xED\xFE"),    std::string_view("\xCA\xFE\xBA"),
      std::string_view("\0asm", 4),           std::string_view("#!")};
  return std::any_of(k_magics.begin(), k_magics.end(), [&](std::string_view magic) { return start.starts_with(magic); });
}

bool imports_something(const wire::pickle::Token& token) {
  switch (token.code) {
    case wire::pickle::op_global:
    case wire::pickle::op_inst:
    case wire::pickle::op_stack_global:
    case wire::pickle::op_ext1:
    case wire::pickle::op_ext2:
    case wire::pickle::op_ext4: return true;
    default: return false;
  }
}

/// Are these the opcodes of a pickle that imports something? Weights fail within a few bytes.
bool is_importing_pickle(ByteView start, const std::function<std::unique_ptr<ForwardReader>()>& more) {
  using wire::pickle::LexStatus;
  constexpr int k_most_tokens = 1 << 20;
  io::GlanceReader glance(start);
  wire::pickle::Lexer first(glance);
  wire::pickle::Token token;
  LexStatus status = LexStatus::ok;
  int tokens = 0;
  while ((status = first.next(token)) == LexStatus::ok && token.code != wire::pickle::op_stop) ++tokens;
  if (status == LexStatus::invalid || status == LexStatus::bad_length || tokens == 0) return false;
  const auto reader = more();
  wire::pickle::Lexer whole(*reader);
  bool imports = false;
  for (tokens = 0; tokens < k_most_tokens && whole.next(token) == LexStatus::ok; ++tokens) {
    imports = imports || imports_something(token);
    if (token.code == wire::pickle::op_stop) return imports && tokens > 1;
  }
  return imports && tokens > 8;  // broken behind the payload: it has run by then
}

}  // namespace

bool is_more_than_weights(ScanContext& context, ByteView start, const std::function<std::unique_ptr<ForwardReader>()>& more) {
  if (start.empty()) return false;
  context.budget().checkpoint();
  if (starts_like_an_archive(start)) return true;
  if (starts_like_a_program(start)) {
    const auto reader = more();
    const ByteView head = reader->window(4096);
    if (detect::identify_executable(head, true) || detect::identify_script(head)) return true;
  }
  return is_importing_pickle(start, more);
}

}  // namespace modelaudit::detect
