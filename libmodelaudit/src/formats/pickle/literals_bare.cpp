// Stands in for detect/literals until that folder has sources (see CMakeLists.txt): bare pickles in bytes only.
#include "detect/literals.hpp"

namespace modelaudit::detect {

std::string_view to_string(PayloadKind) noexcept { return "pickle"; }

bool may_hide_payload(ByteView literal, bool is_text) noexcept {
  return !is_text && literal.size() >= 8 && literal[0] == 0x80 && literal[1] >= 2 && literal[1] <= 5;
}

std::vector<HiddenPayload> LiteralDecoder::decode(ByteView literal, const LiteralContext& context) {
  std::vector<HiddenPayload> out;
  if (!may_hide_payload(literal, context.is_text)) return out;
  HiddenPayload payload;
  payload.range = {0, literal.size()};
  payload.name = "literal@" + std::to_string(literal.offset());
  out.push_back(std::move(payload));
  return out;
}

}  // namespace modelaudit::detect
