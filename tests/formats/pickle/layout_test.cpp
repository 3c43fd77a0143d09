#include <catch2/catch.hpp>

#include "formats/pickle/assemble.hpp"
#include "support/cases.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

std::span<const std::byte> view(const std::string& s) { return std::as_bytes(std::span(s.data(), s.size())); }

std::string noise(std::size_t size) {
  std::string out;
  std::uint32_t state = 12345;
  while (out.size() < size) {
    state = state * 1664525U + 1013904223U;
    out += static_cast<char>(state >> 24 | 0x80);  // no opcode of protocol 0 among them
  }
  return out;
}

/// joblib, NumpyArrayWrapper.__dict__ as protocol 4 writes it.
std::string wrapper(std::string_view dtype, std::string_view shape, bool padded, int flags = 0) {
  std::string out = stack_global("joblib.numpy_pickle", "NumpyArrayWrapper") + ")\x81}(" + str("subclass") + stack_global("numpy", "ndarray") +
                    str("shape") + std::string(shape) + str("order") + str("C") + str("dtype") +
                    reduce(stack_global("numpy", "dtype"), tuple3(str(dtype), "\x89", "\x88")) + "(K\x03" + str("<") + "NNNJ" +
                    raw({0xff, 0xff, 0xff, 0xff}) + "J" + raw({0xff, 0xff, 0xff, 0xff}) + "K" + raw({flags}) + "tb" + str("allow_mmap") + "\x88";
  if (padded) out += str("numpy_array_alignment_bytes") + "K\x10";
  return out + "ub";
}

}  // namespace

TEST_CASE("Golden cases", "[pickle]") { run_cases(MODELAUDIT_TEST_DIR "/cases"); }

TEST_CASE("A stream hides nowhere behind the first one", "[pickle]") {
  const std::string evil = pickle4(system_call());
  const std::string good = pickle4("K\x01");
  for (const std::string& data : {good + evil, good + std::string(37, '\0') + evil, good + "\n" + evil, good + good + good + evil}) {
    CHECK(has_rule(scan(data, "model.pkl"), "pickle-dangerous-call", Severity::critical));
  }
  const ScanResult gap = scan(good + noise(70'000) + evil, "model.pkl");
  INFO(describe(gap));
  CHECK(has_rule(gap, "pickle-dangerous-call", Severity::critical));
  CHECK(has_rule(gap, "pickle-trailing"));
  CHECK(has_rule(gap, "pickle-embedded"));
  const ScanResult prefixed = scan("\xff\xff" + evil, "model.pkl");
  INFO(describe(prefixed));
  CHECK(prefixed.worst() == Severity::critical);
  CHECK(has_rule(scan(good + noise(5000) + "(S'id'\nios\nsystem\n.", "model.pkl"), "pickle-dangerous-global", Severity::critical));
}

TEST_CASE("The name decides nothing", "[pickle]") {
  const std::string evil = pickle4(system_call());
  const std::string text = "cos\nsystem\n(S'id'\ntR.";
  for (const char* name : {"a.pkl", "a.bin", "a.txt", "a.jpg", "a", "a.gguf", "a.safetensors", "a.pt", "a.h5"}) {
    INFO(name);
    CHECK(scan(evil, name).worst() == Severity::critical);
    CHECK(scan(text, name).worst() == Severity::critical);
  }
}

TEST_CASE("Heads that are also heads of compressed data are read as pickles too", "[pickle]") {
  const std::string zlib_string = "(S'id'\nios\nsystem\n.";                          // 28 53
  const std::string zlib_text = "X" + le(9, 4) + "notzlib!!0cos\nsystem\n(S'id'\ntR.";  // 58 09
  const std::string bzip = "B" + le(0x5a, 4) + std::string(0x5a, 'Z') + "0cos\nsystem\n(S'id'\ntR.";
  for (const char* name : {"m.pkl", "m.bin", "m.pt", "m.model", "m.dat", "m"}) {
    INFO(name);
    for (const std::string& data : {zlib_string, zlib_text, bzip}) CHECK(scan(data, name).worst() == Severity::critical);
  }
}

TEST_CASE("Text and weights are no pickles", "[pickle]") {
  for (const char* text : {"cat\ndog\nfish\n", "N.B. this is a note\n", "I am text.\n", "category\nname\n1\n", "(see below)\n", "]]]\n", "Peter\nand the wolf.\n"}) {
    INFO(text);
    const ScanResult result = scan(text, "notes.txt");
    CHECK_FALSE(result.worst() >= Severity::warning);
    CHECK(std::find(result.scanners.begin(), result.scanners.end(), "pickle") == result.scanners.end());
  }
  CHECK_FALSE(scan(noise(100'000), "weights.bin").worst() >= Severity::warning);
}

TEST_CASE("What was found before a break is kept", "[pickle]") {
  const std::string call = proto(4) + system_call();
  for (const std::string& tail : {std::string(), std::string("\xff"), std::string("0000"), std::string("X") + le(1000, 4) + "cut", std::string("h\x63"), std::string("\x94\x94s")}) {
    const ScanResult result = scan(call + tail, "model.pkl");
    INFO(describe(result));
    CHECK(has_rule(result, "pickle-dangerous-call", Severity::critical));
    CHECK_FALSE(result.complete());
  }
}

TEST_CASE("joblib's arrays are passed by their size", "[pickle]") {
  const std::string data(32, '\x2e');  // would be STOP opcodes
  const std::string pad = raw({4}) + std::string(4, '\xff');
  const ScanResult plain = scan(pickle4(wrapper("f8", "K\x04\x85", false) + data), "m.joblib");
  INFO(describe(plain));
  CHECK(plain.verdict() == Verdict::clean);
  CHECK(plain.coverage.declared == 32);
  const ScanResult padded = scan(pickle4(wrapper("f8", "K\x04\x85", true) + pad + data), "m.joblib");
  INFO(describe(padded));
  CHECK(padded.verdict() == Verdict::clean);
  const ScanResult after = scan(pickle4("](" + wrapper("f8", "K\x04\x85", true) + pad + data + system_call() + "e"), "m.joblib");
  CHECK(has_rule(after, "pickle-dangerous-call", Severity::critical));
  const ScanResult inner = scan(pickle4(wrapper("O", "K\x01\x85", false, 63) + pickle4(system_call())), "m.joblib");
  CHECK(has_rule(inner, "pickle-dangerous-call", Severity::critical));
  const ScanResult texts = scan(pickle4(wrapper("O", "K\x01\x85", false, 63) + pickle4("](" + str("a") + "Ne")), "m.joblib");
  INFO(describe(texts));
  CHECK(texts.verdict() == Verdict::clean);
}

TEST_CASE("An array that is not as long as it says hides nothing", "[pickle]") {
  // The size leads into the middle of noise; the call in front of that place is found all the same.
  const std::string body = wrapper("f8", "K\x10\x85", false) + pickle4(system_call()) + noise(200);
  const ScanResult result = scan(proto(4) + body, "m.joblib");
  INFO(describe(result));
  CHECK(result.worst() == Severity::critical);
  CHECK_FALSE(result.complete());
  CHECK_FALSE(scan(pickle4(wrapper("f8", "K\x10\x85", false) + "short"), "m.joblib").complete());
  CHECK(has_rule(scan(pickle4(wrapper("f8", raw({'J', 0xff, 0xff, 0xff, 0xff, 0x85}), false)), "m.joblib"), "joblib-array"));
}

TEST_CASE("A pickle inside a value is scanned as what it is", "[pickle]") {
  const std::string evil = pickle4(system_call());
  const ScanResult inert = scan(pickle4(bytes(evil)), "model.pkl");
  INFO(describe(inert));
  CHECK(inert.worst() == Severity::warning);
  const ScanResult harmless = scan(pickle4(bytes(pickle4("](K\x01K\x02K\x03K\x04" "e"))), "model.pkl");
  INFO(describe(harmless));
  CHECK(harmless.verdict() == Verdict::clean);
  CHECK(scan(pickle4(reduce(stack_global("pickle", "loads"), tuple1(bytes(evil)))), "model.pkl").worst() == Severity::critical);
}

TEST_CASE("The opcode limit ends in a lighter reading, not in silence", "[pickle]") {
  Options options = plain_options();
  options.limits.opcodes = 10'000;
  std::string data = proto(4);
  for (int i = 0; i < 30'000; ++i) data += "N0";
  data += system_call() + ".";
  const ScanResult result = Auditor(options).scan_bytes(view(data), "model.pkl");
  INFO(describe(result));
  CHECK(result.worst() == Severity::critical);
  CHECK_FALSE(result.complete());
}

TEST_CASE("Cut and flipped at every byte, a pickle ends in a result that repeats", "[pickle]") {
  check_ladder(view(pickle4(system_call())), "model.pkl");
  check_ladder(view(pickle4("](" + wrapper("f8", "K\x04\x85", true) + raw({4}) + std::string(4, '\xff') + std::string(32, 'w') + "e")), "m.joblib");
  const std::string text = "(dp0\nS'a'\np1\n(lp2\nI1\naF2.5\nasVtext\\u0041\np3\nL12L\ns.";
  check_ladder(view(text), "model.pkl");
}

TEST_CASE("The largest numbers are met before anything is allocated", "[pickle]") {
  for (const std::string& head : {std::string("\x8e"), std::string("\x8d"), std::string("\x96")}) {
    for (const std::uint64_t n : {std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
      CHECK_FALSE(scan(proto(5) + head + le(n, 8) + "x.", "model.pkl").complete());
    }
  }
  CHECK_FALSE(scan(proto(2) + "T" + le(0x80000000U, 4) + "x.", "model.pkl").complete());
  CHECK_FALSE(scan(proto(2) + "\x8b" + le(0xffffffffU, 4) + "x.", "model.pkl").complete());
  CHECK_FALSE(scan("I1", "model.pkl").complete());
  CHECK_FALSE(scan("", "model.pkl").complete());
}
