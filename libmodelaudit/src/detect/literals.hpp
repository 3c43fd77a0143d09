/// @file
/// Payloads hidden in string and bytes literals: a pickle, archive, executable or code object under any stack of
/// compressions and text encodings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::detect {

enum class PayloadKind : std::uint8_t { pickle, zip, tar, npy, elf, pe, mach_o, code_object, seven_zip, program };

/// Lower-case noun for messages: "pickle", "ELF executable".
std::string_view to_string(PayloadKind kind) noexcept;

/// How a literal came about.
struct LiteralContext {
  bool is_text = false;      ///< str; false: bytes or bytearray
  bool is_argument = false;  ///< argument of a call: reversed and XORed heads are looked for too
  /// What the literal is handed to decodes it by itself (pickle.loads): only then its head decides alone.
  bool is_loaded = false;
};

/// One payload. With an empty `encoding` it lies in the literal as it is: `range` within the literal, `bytes` empty;
/// hand it on as a part of the parent. Otherwise `bytes` are the decoded payload.
struct HiddenPayload {
  PayloadKind kind = PayloadKind::pickle;
  std::string encoding;          ///< outermost layer first: "base64, zlib"; empty: none
  ByteRange range;               ///< from the start of the literal
  std::vector<std::byte> bytes;
  std::string name;              ///< "literal@1234 (base64, zlib)", with the literal's absolute offset
  bool complete = true;          ///< false: the decoding broke off; what came before is in `bytes`
};

/// Could this literal hold a payload? Reads some bytes of its ends only, so it costs nanoseconds whatever the size;
/// never says no to what LiteralDecoder would find in it.
bool may_hide_payload(ByteView literal, bool is_text) noexcept;

/// Decodes literals of one input under shared limits.
class LiteralDecoder {
 public:
  struct Limits {
    std::uint32_t depth = 8;                              ///< layers of encodings around one payload
    std::uint64_t decoded_bytes = std::uint64_t{64} << 20;  ///< all payloads together
    std::uint32_t payloads = 4096;                        ///< decoded ones; those that lie bare are not counted
  };
  LiteralDecoder() = default;
  explicit LiteralDecoder(const Limits& limits) : limits_(limits) {}

  /// The payloads of one literal, mostly none. Includes the prefilter. Never throws for the content.
  std::vector<HiddenPayload> decode(ByteView literal, const LiteralContext& context);
  /// A limit was hit: something that looked like a payload was not decoded wholly. Report a gap.
  bool limit_hit() const noexcept { return limit_hit_; }

 private:
  Limits limits_;
  std::uint64_t decoded_ = 0;
  std::uint32_t payloads_ = 0;
  bool limit_hit_ = false;
};

}  // namespace modelaudit::detect
