#include "detect/literals.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "detect/literals/heads.hpp"
#include "detect/literals/prefilter.hpp"
#include "detect/literals/text_codes.hpp"
#include "io/codecs_heads.hpp"
#include "modelaudit/error.hpp"

namespace modelaudit::detect {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t k_head = 4096;
constexpr unsigned k_tries = 128;  // decodings of heads for one literal

/// One layer around a payload: a compression, an XOR, or a text encoding.
struct Layer {
  std::optional<io::Wrapper> wrapper;
  std::optional<std::uint8_t> xor_key;
  TextCode code = TextCode::base64;

  std::string name() const {
    if (wrapper) return io::to_string(wrapper->codec);
    if (xor_key) return "xor";
    return std::string(to_string(code));
  }
};

/// All members of a compressed literal, at most `most` bytes. `complete` becomes false when it broke off.
Bytes decompress(const io::Wrapper& wrapper, ByteView input, std::uint64_t most, bool& complete) {
  Bytes out;
  ByteView rest = input.from(wrapper.start);
  io::Codec codec = wrapper.codec;
  try {
    while (!rest.empty() && out.size() < most) {
      const auto decoder = io::make_decoder(codec, rest);
      std::size_t got = 0;
      do {
        const std::size_t filled = out.size();
        const std::uint64_t room = std::min<std::uint64_t>(most - filled, std::uint64_t{1} << 16);
        out.resize(filled + static_cast<std::size_t>(room));
        try {
          got = decoder->read(std::span(out).subspan(filled));
        } catch (...) {
          out.resize(filled);
          throw;
        }
        out.resize(filled + got);
      } while (got != 0 && out.size() < most);
      if (!decoder->finished() || decoder->consumed() == 0) break;
      rest = rest.from(decoder->consumed());
      if (!io::begins_member(codec, rest)) break;
      codec = io::member_codec(codec, rest);
    }
  } catch (const Malformed&) {
    complete = false;
  }
  if (out.size() >= most) complete = false;
  return out;
}

Bytes apply(const Layer& layer, ByteView input, std::uint64_t most, bool& complete) {
  if (layer.wrapper) return decompress(*layer.wrapper, input, most, complete);
  if (layer.xor_key) {
    const auto part = input.first(most).span();
    Bytes out(part.begin(), part.end());
    for (std::byte& b : out) b ^= static_cast<std::byte>(*layer.xor_key);
    return out;
  }
  Bytes out = decode_text(layer.code, input, most);
  if (out.size() >= most) complete = false;
  return out;
}

/// Finds the layers around a payload by decoding heads alone: what leads nowhere costs microseconds, whatever its size.
class Search {
 public:
  explicit Search(std::uint32_t depth) : depth_(depth) {}

  bool find(ByteView head, bool cut) {
    if (const auto found = identify_payload(head, cut)) {
      kind_ = *found;
      return true;
    }
    if (layers_.size() >= depth_) {
      too_deep_ = too_deep_ || has_magic(head);
      return false;
    }
    if (const auto wrapper = io::identify_compressed(head); wrapper && wrapper->unsupported.empty() && try_layer({wrapper, {}, {}}, head)) {
      return true;
    }
    if (is_text_head(head) || (!head.empty() && head[0] >= 0x80) || (head.size() > 1 && head[1] >= 0x80)) {
      for (const TextCode code : k_text_codes) {
        if (try_layer({{}, {}, code}, head)) return true;
      }
    }
    return false;
  }

  bool try_layer(Layer layer, ByteView head) {
    if (tries_ == 0) return false;
    --tries_;
    bool complete = true;
    const Bytes out = apply(layer, head, k_head, complete);
    if (out.size() < 4 || !is_promising(ByteView(out))) return false;
    // Text that decodes to itself leads in circles.
    if (std::equal(out.begin(), out.end(), head.span().begin(), head.span().end())) return false;
    layers_.push_back(layer);
    if (find(ByteView(out), true)) return true;
    layers_.pop_back();
    return false;
  }

  const std::vector<Layer>& layers() const { return layers_; }
  PayloadKind kind() const { return kind_; }
  bool too_deep() const { return too_deep_; }

 private:
  std::uint32_t depth_;
  unsigned tries_ = k_tries;
  std::vector<Layer> layers_;
  PayloadKind kind_ = PayloadKind::pickle;
  bool too_deep_ = false;
};

/// Reversed and XORed forms, which only calls undo.
bool find_disguised(Search& search, ByteView literal) {
  if (const auto key = xor_key(literal)) {
    Layer layer;
    layer.xor_key = key;
    if (search.try_layer(layer, literal.first(k_head))) return true;
  }
  const std::uint64_t size = std::min(literal.size(), k_head);
  Layer layer;
  layer.code = TextCode::reversed;
  return search.try_layer(layer, literal.from(literal.size() - size));
}

}  // namespace

std::string_view to_string(PayloadKind kind) noexcept {
  switch (kind) {
    case PayloadKind::pickle: return "pickle";
    case PayloadKind::zip: return "ZIP archive";
    case PayloadKind::tar: return "tar archive";
    case PayloadKind::npy: return "NumPy array";
    case PayloadKind::elf: return "ELF executable";
    case PayloadKind::pe: return "Windows executable";
    case PayloadKind::mach_o: return "Mach-O executable";
    case PayloadKind::code_object: return "Python code object";
    case PayloadKind::seven_zip: return "7z archive";
    case PayloadKind::program: return "program";
  }
  return "payload";
}

std::vector<HiddenPayload> LiteralDecoder::decode(ByteView literal, const LiteralContext& context) {
  std::vector<HiddenPayload> found;
  if (!context.is_loaded && !may_hide_payload(literal, context.is_text)) return found;
  const ByteView head = literal.first(k_head);
  Search search(limits_.depth);
  const bool here = identify_payload(literal, false).has_value() || search.find(head, head.size() < literal.size()) ||
                    ((context.is_argument || context.is_loaded) && find_disguised(search, literal));
  limit_hit_ = limit_hit_ || search.too_deep();
  if (!here) return found;

  HiddenPayload payload;
  payload.name = "literal@" + std::to_string(literal.offset());
  if (search.layers().empty()) {
    const auto kind = identify_payload(literal, false);
    if (!kind) return found;
    payload.kind = *kind;
    payload.range = {0, literal.size()};
    found.push_back(std::move(payload));
    return found;
  }
  if (payloads_ >= limits_.payloads || decoded_ >= limits_.decoded_bytes) {
    limit_hit_ = true;
    return found;
  }
  Bytes now;
  ByteView input = literal;
  for (const Layer& layer : search.layers()) {
    Bytes next = apply(layer, input, limits_.decoded_bytes - decoded_ + 1, payload.complete);
    decoded_ += next.size();
    if (decoded_ > limits_.decoded_bytes) {
      decoded_ = limits_.decoded_bytes;
      limit_hit_ = true;
      return found;
    }
    now = std::move(next);
    input = ByteView(now);
    payload.encoding += (payload.encoding.empty() ? "" : ", ") + layer.name();
  }
  // The head promised; the whole must hold it.
  const auto kind = identify_payload(input, !payload.complete);
  if (!kind) return found;
  ++payloads_;
  payload.kind = *kind;
  payload.bytes = std::move(now);
  payload.name += " (" + payload.encoding + ")";
  found.push_back(std::move(payload));
  return found;
}

}  // namespace modelaudit::detect
