#include "detect/literals/prefilter.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "detect/literals.hpp"
#include "detect/literals/heads.hpp"
#include "detect/literals/text_codes.hpp"
#include "io/codecs_heads.hpp"
#include "wire/pickle/opcodes.hpp"

namespace modelaudit::detect {
namespace {

constexpr std::uint64_t k_shortest = 8;        // no call fits a pickle below that
constexpr std::uint64_t k_shortest_text = 12;  // encoded
constexpr std::size_t k_looked_at = 4096;
constexpr std::size_t k_reversed = 24;

/// First bytes of anything that has_magic() or is_text_head() knows: most words are out after one.
constexpr std::array<bool, 256> k_can_begin = [] {
  std::array<bool, 256> out{};
  for (unsigned b = 0x20; b < 0x7f; ++b) out[b] = true;
  for (const unsigned b : {0x00U, 0x02U, 0x03U, 0x04U, 0x08U, 0x09U, 0x0aU, 0x0dU, 0x16U, 0x17U, 0x18U, 0x1fU, 0x33U, 0x42U, 0x55U, 0x61U,
                           0x6fU, 0x7fU, 0x80U, 0x93U, 0xa7U, 0xcaU, 0xcbU, 0xceU, 0xcfU, 0xe3U, 0xeeU, 0xf3U, 0xfdU, 0xfeU, 0x28U}) {
    out[b] = true;
  }
  return out;
}();

/// The first bytes of a literal under one alphabet, on the stack.
struct Peek {
  std::array<std::byte, 16> bytes{};
  std::size_t size = 0;

  ByteView view() const { return ByteView{std::span(bytes).first(size)}; }
  // Out of line: inlined into every peek it makes g++ 12 compile this file for minutes.
  [[gnu::noinline]] bool may_go_on() const { return has_magic(view()) || is_text_head(view()); }
  bool promising() const { return has_magic(view()) || (size >= 8 && is_text_head(view())); }
};

/// Groups of `width` bits, as decode_bits(); looks at `window` characters.
Peek peek_bits(ByteView text, const std::array<std::uint8_t, 256>& values, unsigned width, bool strict, std::uint64_t window) {
  Peek out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  const std::uint64_t end = std::min(window, text.size());
  for (std::uint64_t i = 0; i < end && out.size < 9; ++i) {
    const std::uint8_t value = values[text[i]];
    if (value == 255) {
      if (strict) break;
      continue;
    }
    bits = (bits << width) | value;
    held += width;
    if (held >= 8) {
      held -= 8;
      out.bytes[out.size++] = static_cast<std::byte>(bits >> held);
      if (out.size == 1 && !k_can_begin[static_cast<std::size_t>(out.bytes[0])]) return {};
      if (out.size == 4 && !out.may_go_on()) return {};
    }
  }
  return out;
}

Peek peek_base85(ByteView text, bool adobe) {
  Peek out;
  std::uint64_t word = 0;
  const std::uint64_t start = adobe && text.starts_with("<~") ? 2 : 0;
  for (std::uint64_t i = 0; i < 10 && start + i < text.size(); ++i) {
    const std::uint8_t c = text[start + i];
    const std::uint8_t value = adobe ? (c >= 33 && c <= 117 ? static_cast<std::uint8_t>(c - 33) : 255) : k_base85_values[c];
    if (value == 255) break;  // the z of ascii85, or the end
    word = word * 85 + value;
    if (i % 5 == 4) {
      if (word > 0xffffffffU) return {};
      for (unsigned k = 0; k < 4; ++k) out.bytes[out.size++] = static_cast<std::byte>(word >> (24 - 8 * k));
      word = 0;
      if (out.size == 4 && !out.may_go_on()) return {};
    }
  }
  return out;
}

/// '%', '=' or '\\' among the first characters. Written out: it is asked of every word of a vocabulary.
bool has_escape(ByteView text) noexcept {
  const ByteView head = text.first(64);
  unsigned any = 0;  // no early end, so that the loop is done sixteen bytes at a time
  for (const std::byte b : head.span()) {
    any |= static_cast<unsigned>(b == std::byte{'%'}) | static_cast<unsigned>(b == std::byte{'='}) | static_cast<unsigned>(b == std::byte{'\\'});
  }
  return any != 0;
}

/// Decoded by their own function: rare enough.
bool is_promising_under(TextCode code, ByteView text) {
  const std::vector<std::byte> out = decode_text(code, text.first(k_looked_at), 256);
  const ByteView view(out);
  return view.size() >= 4 && (has_magic(view) || is_plausible_pickle(view, true));
}

bool is_promising_text(ByteView text) {
  if (text.starts_with("data:") || text.starts_with("begin ")) return true;
  if (peek_bits(text, k_base64_values, 6, false, 24).promising()) return true;
  const ByteView digits = text.starts_with("0x") ? text.from(2) : text;
  if (peek_bits(digits, k_hex_values, 4, true, 18).promising()) return true;
  if (peek_base85(text, false).promising() || peek_base85(text, true).promising()) return true;
  return peek_bits(text, k_base32_values, 5, true, 16).promising();
}

bool is_promising_rare_text(ByteView text) {
  if (text[0] >= 0x80 || text[1] >= 0x80) return is_promising_under(TextCode::latin1, text);
  if (has_escape(text)) {
    for (const TextCode code : {TextCode::escapes, TextCode::percent, TextCode::quoted}) {
      if (is_promising_under(code, text)) return true;
    }
  }
  // A line of uuencode says its length first: 'M' is 45 bytes in 60 characters.
  const std::uint64_t line = text[0] >= 33 && text[0] <= 96 ? ((text[0] - 32U + 2) / 3) * 4 + 1 : 0;
  const bool fits = line != 0 && (text.size() == line || (text.size() > line && (text[line] == '\n' || text[line] == '\r')));
  return fits && is_promising_under(TextCode::uuencode, text);
}

bool is_promising_reversed(ByteView literal) {
  const std::uint64_t size = literal.size();
  if (literal[0] == '.') {  // STOP comes last, so first
    const std::vector<std::byte> turned = decode_text(TextCode::reversed, literal.from(size - std::min<std::uint64_t>(size, k_looked_at)), k_looked_at);
    return is_plausible_pickle(ByteView(turned), size > k_looked_at);
  }
  std::array<std::byte, k_reversed> turned{};
  const ByteView tail = literal.from(size - std::min<std::uint64_t>(size, k_reversed));
  std::reverse_copy(tail.span().begin(), tail.span().end(), turned.begin());
  const ByteView head{std::span(turned).first(static_cast<std::size_t>(tail.size()))};
  const Peek base64 = peek_bits(head, k_base64_values, 6, false, 24);
  const Peek hex = peek_bits(head, k_hex_values, 4, true, 18);
  return has_magic(head) || base64.promising() || hex.promising();
}

/// zlib without dictionary, first block of a type that exists.
bool is_zlib_magic(unsigned b0, unsigned b1, unsigned b2) {
  return (b0 & 15) == 8 && (b0 >> 4) <= 7 && ((b0 << 8) | b1) % 31 == 0 && (b1 & 0x20) == 0 && ((b2 >> 1) & 3) != 3;
}

}  // namespace

bool has_magic(ByteView head) noexcept {
  if (head.size() < 4) return false;
  const unsigned b0 = head[0];
  const unsigned b1 = head[1];
  const unsigned b2 = head[2];
  const unsigned b3 = head[3];
  switch (b0) {
    case 0x80: return b1 <= 5 && wire::pickle::opcode_info(static_cast<std::uint8_t>(b2)).operand != wire::pickle::Operand::invalid;
    case 0x1f: return (b1 == 0x8b && b2 == 8) || b1 == 0x9d;
    case 'B': return b1 == 'Z' && b2 == 'h';
    case 0xfd: return b1 == '7' && b2 == 'z' && b3 == 'X';
    case '(': return (b1 == 0xb5 && b2 == 0x2f && b3 == 0xfd) || is_zlib_magic(b0, b1, b2);
    case 0x04: return b1 == 0x22 && b2 == 0x4d && b3 == 0x18;
    case 0x02: return b1 == 0x21 && b2 == 0x4c && b3 == 0x18;
    case 'L': return b1 == 'Z' && b2 == 'I' && b3 == 'P';
    case 'Z': return b1 == 'F' && b2 == '0' && b3 == 'x';
    case ']': return b1 == 0 && b2 == 0;
    case 'P': return b1 == 'K' && b2 == 3 && b3 == 4;
    case 0x93: return b1 == 'N' && b2 == 'U' && b3 == 'M';
    case 0x7f: return b1 == 'E' && b2 == 'L' && b3 == 'F';
    case 'M': return b1 == 'Z';
    case 0xce:
    case 0xcf: return b1 == 0xfa && b2 == 0xed && b3 == 0xfe;
    case 0xfe: return b1 == 0xed && b2 == 0xfa;
    case 0xca: return b1 == 0xfe && b2 == 0xba && b3 == 0xbe;
    case 0xe3:
    case 0x63: if (b2 == 0 && b3 == 0) return true; break;
    case '7': return b1 == 'z' && b2 == 0xbc && b3 == 0xaf;
    case 0x00: return b1 == 'a' && b2 == 's' && b3 == 'm';
    case 'd': return b1 == 'e' && b2 == 'x' && b3 == '\n';
    default: break;
  }
  if (b1 == 0x0d && b2 == 0x0d && b3 == 0x0a) return true;  // .pyc
  return (b1 == 0x2a && b2 == 0x4d && b3 == 0x18 && (b0 & 0xf0) == 0x50) || is_zlib_magic(b0, b1, b2);
}

bool is_text_head(ByteView head) noexcept {
  const ByteView first = head.first(12);
  for (std::uint64_t i = 0; i < first.size(); ++i) {
    const std::uint8_t c = first[i];
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c >= 0x7f) return false;
  }
  return !first.empty();
}

std::optional<std::uint8_t> xor_key(ByteView literal) {
  if (literal.size() < k_shortest) return std::nullopt;
  const auto try_key = [&](std::uint8_t key) {
    const ByteView head = literal.first(k_looked_at);
    std::vector<std::byte> plain(head.span().begin(), head.span().end());
    for (std::byte& b : plain) b ^= static_cast<std::byte>(key);
    return is_plausible_pickle(ByteView(plain), literal.size() > head.size());
  };
  const auto headered = static_cast<std::uint8_t>(literal[0] ^ 0x80);
  const unsigned version = literal[1] ^ headered;
  const auto next = static_cast<std::uint8_t>(literal[2] ^ headered);
  if (headered != 0 && version >= 2 && version <= 5 &&
      wire::pickle::opcode_info(next).operand != wire::pickle::Operand::invalid && try_key(headered)) {
    return headered;
  }
  const auto global = static_cast<std::uint8_t>(literal[0] ^ 'c');
  const auto is_letter = [&](unsigned i) { return ((literal[i] ^ global) >= 'a' && (literal[i] ^ global) <= 'z') || (literal[i] ^ global) == '_'; };
  if (global != 0 && is_letter(1) && is_letter(2) && try_key(global)) return global;
  return std::nullopt;
}

bool is_promising(ByteView head) {
  return has_magic(head) || is_text_head(head) || is_plausible_pickle(head, true) || head.has(257, "ustar");
}

bool may_hide_payload(ByteView literal, bool is_text) noexcept {
  if (literal.size() < k_shortest) return false;
  const ByteView head = literal.first(k_looked_at);
  const bool cut = head.size() < literal.size();
  if (has_magic(head) && (identify_payload(head, cut) || io::identify_compressed(head))) return true;
  // Pickles of protocols 0 and 1: with lines or lengths, so with a control character soon.
  if (is_plausible_pickle(head, cut) || (head.size() > 512 && head.has(257, "ustar"))) return true;
  if (!is_text && xor_key(literal)) return true;
  if (literal.size() < k_shortest_text) return false;
  // Bytes may hold encoded text as well as text does.
  const bool reads_as_text = is_text_head(literal);
  if (reads_as_text && is_promising_text(literal)) return true;
  if ((is_text || reads_as_text) && is_promising_rare_text(literal)) return true;
  return is_promising_reversed(literal);
}

}  // namespace modelaudit::detect
