#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "io/codecs_heads.hpp"
#include "support/cases.hpp"
#include "support/hex.hpp"
#include "support/scan.hpp"

namespace modelaudit {
namespace {

using test::from_hex;

std::vector<std::byte> case_bytes(const std::string& name) {
  const auto text = test::read_file(std::filesystem::path(MODELAUDIT_TEST_DIR) / "cases" / (name + ".hex"));
  std::string hex;
  for (const std::byte b : text) hex += static_cast<char>(b);
  return from_hex(hex);
}

TEST_CASE("golden cases of compressed files", "[compressed]") { test::run_cases(MODELAUDIT_TEST_DIR "/cases"); }

TEST_CASE("compressed files cut and flipped end, and the same way each time", "[compressed]") {
  for (const char* name : {"benign_gzip", "benign_split_bzip2", "hostile_old_joblib", "hostile_trailing"}) {
    INFO(name);
    test::check_ladder(case_bytes(name), "m.joblib");
  }
}

TEST_CASE("a cut compressed file is never clean", "[compressed]") {
  const auto whole = case_bytes("benign_gzip");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto result = test::scan(std::span(whole).first(size), "m.pkl.gz");
    INFO(size << " " << test::describe(result));
    CHECK(result.verdict() != Verdict::clean);
  }
}

TEST_CASE("three wrappers around each other are told", "[compressed]") {
  // gzip(gzip(gzip(nothing))) with stored blocks, inside out.
  const auto wrap = [](std::vector<std::byte> inner, std::string_view crc) {
    auto out = from_hex("1f 8b 08 00 00 00 00 00 00 03 01");
    const auto size = static_cast<unsigned>(inner.size());
    for (const unsigned value : {size, ~size}) {
      out.push_back(static_cast<std::byte>(value));
      out.push_back(static_cast<std::byte>(value >> 8));
    }
    out.insert(out.end(), inner.begin(), inner.end());
    const auto tail = from_hex(crc);
    out.insert(out.end(), tail.begin(), tail.end());
    for (const unsigned shift : {0U, 8U, 16U, 24U}) out.push_back(static_cast<std::byte>(size >> shift));
    return out;
  };
  // The checksums are wrong, which costs no output.
  const auto bytes = wrap(wrap(wrap({}, "00 00 00 00"), "00 00 00 00"), "00 00 00 00");
  const auto result = test::scan(bytes, "a.gz");
  INFO(test::describe(result));
  CHECK(test::has_rule(result, "compressed-nested", Severity::warning));
}

TEST_CASE("names and comments in a gzip header are looked at", "[compressed]") {
  const auto bytes = from_hex("1f 8b 08 08 00 00 00 00 00 03 \"../../evil.pkl\" 00 03 00 00 00 00 00 00 00 00 00");
  const auto result = test::scan(bytes, "a.gz");
  INFO(test::describe(result));
  CHECK(test::has_rule(result, "path-traversal", Severity::warning));
}

TEST_CASE("weak magics are confirmed by decoding", "[compressed]") {
  const auto identify = [](std::string_view hex) { return io::identify_compressed(ByteView(from_hex(hex))); };
  // Pickles of protocol 0 and 1 whose first bytes are a zlib header.
  CHECK_FALSE(identify("\"(S'x'\\n0cos\\nsystem\\n(S'echo pwned'\\ntR.\""));
  CHECK_FALSE(identify("58 09 00 00 00 \"ninechars0cos\\nsystem\\n(S'echo'\\ntR.\""));
  CHECK_FALSE(identify("5d 00 00 00 71 00"));
  CHECK_FALSE(identify("\"BZhello world\""));
  CHECK_FALSE(identify(""));
  const auto gzip = identify("1f 8b 08 00 00 00 00 00 00 03 03 00 00 00 00 00 00 00 00 00");
  REQUIRE(gzip);
  CHECK(gzip->certain);
  CHECK(gzip->codec == io::Codec::gzip);
  const auto snappy = identify("ff 06 00 00 \"sNaPpY\"");
  REQUIRE(snappy);
  CHECK(snappy->unsupported == "snappy");
}

}  // namespace
}  // namespace modelaudit
