#include <catch2/catch.hpp>

#include "formats/pickle/assemble.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

/// Clean, whole, and without a word at warning or above.
void check_clean(const char* what, const std::string& data, std::string_view name = "model.pkl") {
  INFO(what);
  const ScanResult result = scan(data, name);
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
}

}  // namespace

TEST_CASE("What ordinary serializers write is clean", "[pickle]") {
  const std::string odict = stack_global("collections", "OrderedDict") + ")R";
  check_clean("nothing", pickle4("N"));
  check_clean("containers, protocol 0", "(dp0\nS'a'\np1\n(lp2\nI1\naF2.5\nas.");
  check_clean("OrderedDict", pickle4(odict));
  check_clean("OrderedDict with items", pickle4(odict + "(" + str("weight") + "K\x01" + str("bias") + "K\x02u"));
  check_clean("defaultdict(list)", pickle4(reduce(stack_global("collections", "defaultdict"), tuple1(stack_global("builtins", "list")))));
  check_clean("_reconstructor", proto(2) + reduce(global("copy_reg", "_reconstructor"), tuple3(global("collections", "OrderedDict"), global("__builtin__", "object"), "N")) + ".");
  check_clean("bytes of protocol 2", proto(2) + reduce(global("_codecs", "encode"), tuple2("X" + le(3, 4) + "abc", "X" + le(6, 4) + "latin1")) + ".");
  check_clean("set and frozenset", pickle4("\x8f(K\x01K\x02\x90(K\x01K\x02\x91\x86"));
  check_clean("recursive list", pickle4("]\x94h" + raw({0}) + "a"));
  check_clean("array of numpy",
              pickle4(reduce(stack_global("numpy.core.multiarray", "_reconstruct"),
                             tuple3(stack_global("numpy", "ndarray"), tuple1("K" + raw({0})), "C\x01" "b")) +
                      "(K\x01" + tuple1("K\x02") + reduce(stack_global("numpy", "dtype"), tuple3(str("f8"), "\x89", "\x88")) + "(K\x03" + str("<") +
                      "NNNJ" + raw({0xff, 0xff, 0xff, 0xff}) + "J" + raw({0xff, 0xff, 0xff, 0xff}) + "K" + raw({0}) + "tb\x89" + bytes(std::string(16, 'w')) + "tb"));
}

TEST_CASE("Words are no code", "[pickle]") {
  std::string vocabulary = proto(4) + "}(";
  for (const char* word : {"eval", "exec", "import os", "lambda", "os.system", "open(", "subprocess.Popen", "__import__('os')", "cos\\nsystem"}) {
    vocabulary += str(word) + "K\x01";
  }
  check_clean("vocabulary", vocabulary + "u.");
}

TEST_CASE("A bound method of a known class is ordinary", "[pickle]") {
  const std::string odict = stack_global("collections", "OrderedDict") + ")R";
  check_clean("getattr", pickle4(reduce(stack_global("builtins", "getattr"), tuple2(odict, str("move_to_end")))));
  const ScanResult dunder = scan(pickle4(reduce(stack_global("builtins", "getattr"), tuple2(odict, str("__class__")))), "model.pkl");
  CHECK(dunder.worst() == Severity::critical);
}

TEST_CASE("Several streams, padding between and behind them", "[pickle]") {
  check_clean("two", pickle4("K\x01") + pickle4("K\x02"));
  check_clean("padding", pickle4("K\x01") + std::string(37, '\0') + pickle4("K\x02") + "\n\n");
  check_clean("one memo for both", pickle4(str("shared") + "\x94") + pickle4("h" + raw({0})));
}

TEST_CASE("Names, dates and sizes that look like attacks are none", "[pickle]") {
  check_clean("large list", [] {
    std::string data = proto(4) + "](";
    for (int i = 0; i < 200'000; ++i) data += "K\x05";
    return data + "e.";
  }());
  check_clean("repeated values", [] {
    std::string data = proto(4) + "](" + str("value") + "\x94";
    for (int i = 0; i < 50'000; ++i) data += "h" + raw({0});
    return data + "e.";
  }());
  check_clean("200 nested lists", proto(4) + std::string(200, ']') + std::string(199, 'a') + ".");
  check_clean("objects that know each other", [] {
    std::string data = proto(4);
    for (int i = 0; i < 200; ++i) data += "]q" + raw({i}) + "0";
    for (int i = 0; i < 200; ++i) data += "h" + raw({i}) + "(h" + raw({(i + 1) % 200}) + "h" + raw({(i + 7) % 200}) + "K\x01" "e0";
    return data + "h" + raw({0}) + ".";
  }());
  check_clean("layers of instances that share their inputs", [] {
    std::string data = proto(4) + stack_global("collections", "OrderedDict") + "q" + raw({255}) + "0";
    const std::string make = stack_global("datetime", "timezone") + ")\x81";
    for (int i = 0; i < 100; ++i) {
      const std::string before = i == 0 ? "NN" : "h" + raw({i - 1}) + "h" + raw({i - 1});
      data += make + "q" + raw({i}) + "}" + str("inputs") + "](" + before + "esb0";
    }
    return data + "h" + raw({99}) + ".";
  }());
  check_clean("long text", pickle4(str(std::string(300'000, 'x'))));
}
