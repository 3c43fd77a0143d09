#include <catch2/catch.hpp>

#include "formats/pickle/assemble.hpp"
#include "wire/pickle/lexer.hpp"
#include "wire/pickle/view_reader.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using namespace modelaudit::wire::pickle;

namespace {

LexStatus lex(const std::string& data, Token& token) {
  ViewReader in(as_view(data));
  Lexer lexer(in);
  return lexer.next(token);
}

}  // namespace

TEST_CASE("68 opcodes, each with its name and operand", "[wire]") {
  int count = 0;
  for (const OpcodeInfo& info : k_opcodes) count += info.operand != Operand::invalid ? 1 : 0;
  CHECK(count == 68);
  CHECK(opcode_info('R').name == "REDUCE");
  CHECK(opcode_info(0x93).protocol == 4);
  CHECK(opcode_info(0x00).operand == Operand::invalid);
}

TEST_CASE("Every operand: exact fit, one byte short", "[wire]") {
  const std::string samples[] = {"K" + le(7, 1), "M" + le(7, 2), "J" + le(7, 4), "G" + le(7, 8), raw({0x95}) + le(0, 8),
                                 "U" + le(3, 1) + "abc", "X" + le(3, 4) + "abc", raw({0x8d}) + le(3, 8) + "abc", "T" + le(3, 4) + "abc",
                                 "I12\n", "cos\nsystem\n", raw({0x8a}) + le(2, 1) + "ab", "h" + le(1, 1), "r" + le(1, 4)};
  for (const std::string& sample : samples) {
    INFO(sample);
    Token token;
    CHECK(lex(sample, token) == LexStatus::ok);
    for (std::size_t n = 1; n < sample.size(); ++n) CHECK(lex(sample.substr(0, n), token) == LexStatus::truncated);
  }
  Token token;
  CHECK(lex("", token) == LexStatus::end);
  CHECK(lex(std::string(1, '\0'), token) == LexStatus::invalid);
  CHECK(lex("T" + le(0x80000000U, 4), token) == LexStatus::bad_length);
}

TEST_CASE("Operands are the bytes that stand there", "[wire]") {
  Token token;
  // Named: the token's views point into them.
  const std::string global = "ca.b\nc d\r\nrest";
  REQUIRE(lex(global, token) == LexStatus::ok);
  CHECK(token.data.text() == "a.b");
  CHECK(token.second.text() == "c d\r");
  REQUIRE(lex("J" + le(0xffffffff, 4), token) == LexStatus::ok);
  CHECK(static_cast<std::int64_t>(token.number) == -1);
  const std::string long_text = "X" + le(100'000, 4) + std::string(100'000, 'x');
  REQUIRE(lex(long_text, token) == LexStatus::ok);
  CHECK(token.data_size == 100'000);
  CHECK(token.data.size() == k_data_window);
}

TEST_CASE("A line beyond 8 MiB is refused", "[wire]") {
  Token token;
  CHECK(lex("V" + std::string(k_max_line, 'x') + "\n", token) == LexStatus::ok);
  CHECK(lex("V" + std::string(k_max_line + 1, 'x') + "\n", token) == LexStatus::long_line);
}
