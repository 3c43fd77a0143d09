#include "detect/tensor_bytes.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "detect/executables.hpp"
#include "io/range_reader.hpp"
#include "wire/pickle/lexer.hpp"

namespace modelaudit::detect {

namespace {

using namespace std::string_view_literals;

// Magics of seven bytes and more: weights do not begin so by chance.
constexpr std::array k_long_magics{"7z\xBC\xAF\x27\x1C"sv, "Rar!\x1A\x07"sv, "\x93NUMPY"sv, "\x89HDF\r\n\x1A\n"sv,
                                   "\xFD" "7zXZ\0"sv,       "BZh91AY&SY"sv};

// APPNOTE 4.3.7 (version needed, method, name length), or 4.3.16: an archive without members.
bool is_zip_record(ByteView start) {
  if (start.starts_with("PK\x05\x06")) return start.le<std::uint32_t>(4) == 0u && start.size() >= 22;
  const auto version = start.le<std::uint16_t>(4);
  const auto method = start.le<std::uint16_t>(8);
  const auto name_length = start.le<std::uint16_t>(26);
  return start.starts_with("PK\x03\x04") && version && method && name_length && (*version & 0xFF) <= 63 && *method <= 99 &&
         *name_length > 0 && *name_length <= 4096;
}

// Short magics count with the fields behind them.
bool starts_like_an_archive(ByteView start) {
  if (std::any_of(k_long_magics.begin(), k_long_magics.end(), [&](std::string_view magic) { return start.starts_with(magic); })) return true;
  if (is_zip_record(start)) return true;
  // Zstandard: the reserved bit of the frame header is zero (RFC 8878, 3.1.1.1.1). LZ4 frame: version 1, reserved bits zero.
  if (start.starts_with("\x28\xB5\x2F\xFD") && start.size() >= 9 && (start[4] & 0x08) == 0) return true;
  if (start.starts_with("\x04\x22\x4D\x18") && start.size() >= 7 && (start[4] & 0xC2) == 0x40 && (start[5] & 0x8F) == 0) return true;
  // gzip: method 8, no reserved flags, a known operating system.
  return start.size() >= 10 && start.starts_with("\x1F\x8B\x08") && (start[3] & 0xE0) == 0 && (start[9] <= 13 || start[9] == 255);
}

bool starts_like_a_program(ByteView start) {
  static constexpr std::array<std::string_view, 8> k_magics = {
      std::string_view("MZ"),                 std::string_view("\x7F" "ELF"),          std::string_view("\xFE\xED\xFA"),
      std::string_view("\xCE\xFA\xED\xFE"),   std::string_view("\xCF\xFA\xED\xFE"),    std::string_view("\xCA\xFE\xBA"),
      std::string_view("\0asm", 4),           std::string_view("#!")};
  return std::any_of(k_magics.begin(), k_magics.end(), [&](std::string_view magic) { return start.starts_with(magic); });
}

bool is_dotted_name(ByteView text) {
  if (text.empty() || text.size() > 512) return false;
  for (const char c : text.text()) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && c != '.' && (c < '0' || c > '9')) return false;
  }
  return true;
}

/// Counts imports whose names could be names: integer weights hold every opcode, but no words.
class ImportCounter {
 public:
  void see(const wire::pickle::Token& token) {
    switch (token.code) {
      case wire::pickle::op_global:
      case wire::pickle::op_inst: imports_ += is_dotted_name(token.data) && is_dotted_name(token.second); break;
      case wire::pickle::op_stack_global: imports_ += names_ >= 2; break;
      case wire::pickle::op_ext1:
      case wire::pickle::op_ext2:
      case wire::pickle::op_ext4: ++extensions_; break;
      case wire::pickle::op_short_binunicode:
      case wire::pickle::op_binunicode:
      case wire::pickle::op_binunicode8:
      case wire::pickle::op_unicode: names_ += is_dotted_name(token.data); break;
      default: break;
    }
  }
  /// @param whole the walk reached STOP; extension codes have no name to judge and count only then
  bool any(bool whole) const noexcept { return imports_ > 0 || (whole && extensions_ > 0); }

 private:
  int imports_ = 0;
  int extensions_ = 0;
  int names_ = 0;
};

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
  ImportCounter imports;
  for (tokens = 0; tokens < k_most_tokens && whole.next(token) == LexStatus::ok; ++tokens) {
    imports.see(token);
    if (token.code == wire::pickle::op_stop) return imports.any(true) && tokens > 1;
  }
  return imports.any(false) && tokens > 8;  // broken behind the payload: it has run by then
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
