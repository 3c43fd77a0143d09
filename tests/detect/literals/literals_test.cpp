#include "detect/literals.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/hex.hpp"

namespace modelaudit::detect {
namespace {

using Bytes = std::vector<std::byte>;

struct Case {
  std::string name, kind, encoding;
  LiteralContext context;
  Bytes data;
};

std::vector<Case> cases() {
  std::ifstream in(MODELAUDIT_TEST_DIR "/cases.tsv");
  std::vector<Case> out;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    Case one;
    std::string type;
    std::string use;
    std::string hex;
    std::getline(fields, one.name, '\t');
    std::getline(fields, one.kind, '\t');
    std::getline(fields, one.encoding, '\t');
    std::getline(fields, type, '\t');
    std::getline(fields, use, '\t');
    std::getline(fields, hex, '\t');
    one.context.is_text = type == "text";
    one.context.is_argument = use == "argument";
    one.data = test::from_hex(hex);
    out.push_back(std::move(one));
  }
  return out;
}

std::string short_kind(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::pickle: return "pickle";
    case PayloadKind::zip: return "zip";
    case PayloadKind::tar: return "tar";
    case PayloadKind::npy: return "npy";
    case PayloadKind::code_object: return "code";
    default: return std::string(to_string(kind));
  }
}

TEST_CASE("payloads are found under their encodings, and nothing else is", "[literals]") {
  const auto all = cases();
  REQUIRE(all.size() > 100);
  for (const Case& one : all) {
    INFO(one.name);
    LiteralDecoder decoder;
    const auto found = decoder.decode(ByteView(one.data, 1234), one.context);
    if (one.kind == "-") {
      CHECK(found.empty());
      continue;
    }
    CHECK(may_hide_payload(ByteView(one.data), one.context.is_text));
    REQUIRE(found.size() == 1);
    CHECK(short_kind(found[0].kind) == one.kind);
    CHECK((found[0].encoding.empty() ? "-" : found[0].encoding) == one.encoding);
    CHECK(found[0].name.rfind("literal@1234", 0) == 0);
    if (found[0].encoding.empty()) {
      CHECK(found[0].range == ByteRange{0, one.data.size()});
    } else {
      CHECK_FALSE(found[0].bytes.empty());
    }
  }
}

TEST_CASE("ordinary literals do not pass the filter", "[literals]") {
  std::size_t passed = 0;
  std::size_t benign = 0;
  for (const Case& one : cases()) {
    if (one.name.rfind("benign", 0) != 0) continue;
    ++benign;
    passed += may_hide_payload(ByteView(one.data), one.context.is_text) ? 1 : 0;
  }
  REQUIRE(benign > 20);
  CHECK(passed <= benign / 4);  // a data: URL and compressed text may be looked at
}

TEST_CASE("literals cut at every byte and with every byte flipped end", "[literals]") {
  for (const Case& one : cases()) {
    if (one.data.size() > 400) continue;
    for (std::size_t at = 0; at < one.data.size(); ++at) {
      LiteralDecoder decoder;
      const Bytes part(one.data.begin(), one.data.begin() + static_cast<std::ptrdiff_t>(at));
      Bytes flipped = one.data;
      flipped[at] ^= std::byte{0xff};
      const auto cut = decoder.decode(ByteView(part), one.context);
      CHECK(cut.size() <= 1);
      CHECK(decoder.decode(ByteView(flipped), one.context).size() <= 1);
    }
  }
}

TEST_CASE("limits over all literals are kept and told", "[literals]") {
  Bytes encoded;
  for (const Case& one : cases()) {
    if (one.name == "p4 base64") encoded = one.data;
  }
  REQUIRE_FALSE(encoded.empty());
  const LiteralContext context{.is_text = true};
  LiteralDecoder few({.depth = 8, .decoded_bytes = 1 << 20, .payloads = 2});
  CHECK(few.decode(ByteView(encoded), context).size() == 1);
  CHECK(few.decode(ByteView(encoded), context).size() == 1);
  CHECK_FALSE(few.limit_hit());
  CHECK(few.decode(ByteView(encoded), context).empty());
  CHECK(few.limit_hit());
  LiteralDecoder small({.depth = 8, .decoded_bytes = 10, .payloads = 100});
  CHECK(small.decode(ByteView(encoded), context).empty());
  CHECK(small.limit_hit());
}

TEST_CASE("what is loaded is looked at without the filter", "[literals]") {
  const Bytes inert = test::from_hex("80 02 4e 2e");
  CHECK_FALSE(may_hide_payload(ByteView(inert), false));
  LiteralDecoder decoder;
  CHECK(decoder.decode(ByteView(inert), {.is_loaded = true}).size() == 1);
  CHECK(decoder.decode(ByteView(), {.is_loaded = true}).empty());
}

}  // namespace
}  // namespace modelaudit::detect
