#include <catch2/catch.hpp>

#include "formats/pickle/assemble.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

struct Row {
  const char* what;
  std::string data;
  const char* rule;
  Severity severity;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.what);
    const ScanResult result = scan(row.data, "model.pkl");
    INFO(describe(result));
    CHECK(has_rule(result, row.rule, row.severity));
    CHECK(result.worst() >= row.severity);
  }
}

const std::string k_os = str("os");
const std::string k_arg = tuple1(str("echo pwned"));

std::string import_module(std::string_view name) { return reduce(stack_global("importlib", "import_module"), tuple1(str(name))); }
std::string sys_modules() { return stack_global("sys", "modules"); }

}  // namespace

TEST_CASE("A dangerous callable is named whatever opcode calls it", "[pickle]") {
  const std::string posix = global("posix", "system");
  check({
      {"REDUCE, protocol 0", "cposix\nsystem\n(S'id'\ntR.", "pickle-dangerous-call", Severity::critical},
      {"REDUCE, protocol 2", proto(2) + reduce(posix, k_arg) + ".", "pickle-dangerous-call", Severity::critical},
      {"STACK_GLOBAL", pickle4(system_call()), "pickle-dangerous-call", Severity::critical},
      {"INST", "(S'id'\niposix\nsystem\n.", "pickle-dangerous-call", Severity::critical},
      {"OBJ", "(" + posix + "S'id'\no.", "pickle-dangerous-call", Severity::critical},
      {"NEWOBJ", pickle4(stack_global("subprocess", "Popen") + k_arg + "\x81"), "pickle-dangerous-call", Severity::critical},
      {"NEWOBJ_EX", pickle4(stack_global("subprocess", "Popen") + k_arg + "}\x92"), "pickle-dangerous-call", Severity::critical},
      {"import alone", proto(2) + posix + ".", "pickle-dangerous-global", Severity::critical},
      {"memo and DUP games", pickle4(str("x") + "\x94" + "0" + k_os + "\x94" + "0" + str("system") + "20" + "\x94" + "0h\x01h\x02\x93" + k_arg + "R"),
       "pickle-dangerous-call", Severity::critical},
      {"overwritten memo", pickle4(str("os") + "q\x05" + "0" + str("json") + "q\x06" + "0" + str("system") + "q\x06" + "0h\x05h\x06\x93" + k_arg + "R"),
       "pickle-dangerous-call", Severity::critical},
      {"result dropped", pickle4(system_call() + "0N"), "pickle-dangerous-call", Severity::critical},
      {"through copyreg.__newobj__", proto(2) + reduce(global("copyreg", "__newobj__"), tuple2(global("subprocess", "Popen"), str("id"))) + ".",
       "pickle-dangerous-call", Severity::critical},
      {"through _rebuild_from_type_v2",
       pickle4(stack_global("torch._tensor", "_rebuild_from_type_v2") + "(" + stack_global("os", "system") + "N" + k_arg + "}tR"),
       "pickle-dangerous-call", Severity::critical},
  });
}

TEST_CASE("Import and call of one object are one finding", "[pickle]") {
  const ScanResult result = scan(pickle4(system_call()), "model.pkl");
  INFO(describe(result));
  CHECK(result.findings.size() == 1);
  CHECK(result.findings[0].where.offset == std::uint64_t{28});
}

TEST_CASE("Python 2 names are translated", "[pickle]") {
  check({
      {"__builtin__", proto(2) + reduce(global("__builtin__", "eval"), k_arg) + ".", "pickle-dangerous-call", Severity::critical},
      {"commands", proto(2) + reduce(global("commands", "getoutput"), k_arg) + ".", "pickle-dangerous-call", Severity::critical},
      {"cPickle", proto(2) + reduce(global("cPickle", "loads"), k_arg) + ".", "pickle-dangerous-call", Severity::critical},
      {"thread", proto(2) + reduce(global("thread", "start_new_thread"), k_arg) + ".", "pickle-dangerous-call", Severity::critical},
      {"itertools.imap", proto(2) + reduce(global("itertools", "imap"), tuple2(global("os", "system"), str("id"))) + ".",
       "pickle-dangerous-call", Severity::critical},
  });
}

TEST_CASE("Indirection is followed to what it reaches", "[pickle]") {
  const std::string getattr = stack_global("builtins", "getattr");
  check({
      {"getattr of an imported module", pickle4(reduce(reduce(getattr, tuple2(import_module("os"), str("system"))), k_arg)),
       "pickle-dangerous-call", Severity::critical},
      {"attrgetter", pickle4(reduce(reduce(reduce(stack_global("operator", "attrgetter"), tuple1(str("system"))), tuple1(import_module("os"))), k_arg)),
       "pickle-dangerous-call", Severity::critical},
      {"partial", pickle4(reduce(reduce(stack_global("functools", "partial"), tuple2(stack_global("os", "system"), str("id"))), ")")),
       "pickle-dangerous-call", Severity::critical},
      {"map", pickle4(reduce(stack_global("builtins", "list"), tuple1(reduce(stack_global("builtins", "map"), tuple2(stack_global("os", "system"), "]"))))),
       "pickle-dangerous-call", Severity::critical},
      {"reduce over getattr",
       pickle4(reduce(reduce(stack_global("functools", "reduce"), tuple3(getattr, "](" + str("system") + "e", import_module("os"))), k_arg)),
       "pickle-dangerous-call", Severity::critical},
      {"resolve_name", pickle4(reduce(reduce(stack_global("pkgutil", "resolve_name"), tuple1(str("os:system"))), k_arg)),
       "pickle-dangerous-call", Severity::critical},
      {"_import_dotted_name", pickle4(reduce(reduce(stack_global("torch", "_import_dotted_name"), tuple1(str("pty.spawn"))), k_arg)),
       "pickle-dangerous-call", Severity::critical},
      {"sys.modules.get through a private alias",
       pickle4(reduce(reduce(getattr, tuple2(reduce(stack_global("collections", "_sys.modules.get"), tuple1(k_os)), str("system"))), k_arg)),
       "pickle-private-alias", Severity::critical},
      {"a dotted name below another module", pickle4(reduce(stack_global("random", "_os.system"), k_arg)), "pickle-private-alias", Severity::critical},
      {"walk over __globals__", pickle4(stack_global("collections", "OrderedDict.__init__.__globals__")), "pickle-attribute-walk", Severity::critical},
  });
}

TEST_CASE("The indirect import of nothing dangerous still names the resolver", "[pickle]") {
  check({{"__import__ of json", pickle4(reduce(stack_global("builtins", "__import__"), tuple1(str("json")))), "pickle-dangerous-call", Severity::critical},
         {"getattr with a dunder", pickle4(reduce(stack_global("builtins", "getattr"), tuple2(stack_global("collections", "OrderedDict"), str("__dict__")))),
          "pickle-dangerous-call", Severity::critical}});
}

TEST_CASE("Grafts, module tables and planted methods are followed", "[pickle]") {
  // The state (None, {"a": os}) of BUILD goes onto the function torch.manual_seed; its attribute is then imported.
  const std::string os_module = reduce(stack_global("sys", "modules.get"), tuple1(k_os));
  const std::string graft = stack_global("torch", "manual_seed") + tuple2("N", "}" + str("a") + os_module + "s") + "b0";
  check({
      {"BUILD on a function", pickle4(graft + "N"), "pickle-build-patch", Severity::critical},
      {"graft then import", pickle4(graft + reduce(stack_global("torch", "manual_seed.a.system"), k_arg)), "pickle-dangerous-call", Severity::critical},
      {"write to sys.modules", pickle4(sys_modules() + str("torch._utils") + import_module("os") + "s0N"), "pickle-modules-write", Severity::critical},
      {"import through the written table",
       pickle4(sys_modules() + str("torch._utils") + import_module("os") + "s0" + reduce(stack_global("torch._utils", "system"), k_arg)),
       "pickle-dangerous-call", Severity::critical},
      {"sys.modules.update", pickle4(reduce(stack_global("sys", "modules.update"), tuple1("}" + str("x") + import_module("os") + "s"))),
       "pickle-modules-write", Severity::critical},
      {"__setstate__ planted", pickle4(stack_global("collections", "OrderedDict") + ")R}" + str("__setstate__") + stack_global("os", "system") + "sb"),
       "pickle-setstate-trick", Severity::critical},
      {"planted and called",
       pickle4(stack_global("collections", "OrderedDict") + ")R}" + str("__setstate__") + stack_global("os", "system") + "sb" + str("id") + "b"),
       "pickle-dangerous-call", Severity::critical},
      {"SETITEM into a global", pickle4(stack_global("os", "environ") + str("A") + str("B") + "s"), "pickle-modules-write", Severity::critical},
  });
}

TEST_CASE("Names that are computed while loading are critical", "[pickle]") {
  const std::string join = reduce(stack_global("builtins", "getattr"), tuple2(str(""), str("join")));
  const std::string joined = reduce(stack_global("builtins", "str.join"), tuple2(str(""), "](" + str("o") + str("s") + "e"));
  const std::string rot = reduce(stack_global("_codecs", "encode"), tuple2(str("flfgrz"), str("rot13")));
  check({
      {"bytes as a name", pickle4(bytes("os") + str("system") + "\x93"), "pickle-dynamic-global", Severity::critical},
      {"join", pickle4(joined + str("system") + "\x93" + k_arg + "R"), "pickle-dynamic-global", Severity::critical},
      {"rot13 reaches system", pickle4(k_os + rot + "\x93" + k_arg + "R"), "pickle-dangerous-call", Severity::critical},
      {"an instance as a name", pickle4(k_os + reduce(stack_global("collections", "OrderedDict"), ")") + "\x93"), "pickle-dynamic-global", Severity::critical},
  });
}

TEST_CASE("Numbers are read as the loader reads them", "[pickle]") {
  for (const char* number : {"I0x1\n0", "I0o17\n0", "I0b1\n0", "L0x10L\n0", "I 1\n0", "I00\n0", "L1_000L\n0"}) {
    INFO(number);
    CHECK(has_rule(scan(std::string(number) + "cos\nsystem\n(S'id'\ntR.", "model"), "pickle-dangerous-call", Severity::critical));
  }
}

TEST_CASE("Extension codes and persistent ids", "[pickle]") {
  check({
      {"EXT1 called", pickle4(raw({0x82, 7}) + k_arg + "R"), "pickle-extension", Severity::warning},
      {"EXT1 after add_extension",
       pickle4(reduce(stack_global("copyreg", "add_extension"), tuple3(k_os, str("system"), "K\x07")) + "0" + raw({0x82, 7}) + k_arg + "R"),
       "pickle-extension", Severity::critical},
      {"persistent id", pickle4(str("anything") + "Q"), "pickle-persistent-id", Severity::warning},
      {"PERSID line", "Panything\n.", "pickle-persistent-id", Severity::warning},
      {"dangerous global in one", pickle4(tuple2(str("storage"), stack_global("os", "system")) + "Q"), "pickle-dangerous-global", Severity::critical},
  });
}

TEST_CASE("Unknown names are one warning that lists all of them and says how to allow them", "[pickle]") {
  const std::string data = pickle4("](" + reduce(stack_global("my.models", "Net"), ")") + reduce(stack_global("my.layers", "Block"), ")") + "e");
  const ScanResult result = scan(data, "model.pkl");
  INFO(describe(result));
  REQUIRE(result.findings.size() == 1);
  const Finding& finding = result.findings[0];
  CHECK(finding.rule == "pickle-unknown-global");
  CHECK(finding.severity == Severity::warning);
  CHECK(finding.uncleared == std::vector<std::string>{"my.layers.Block", "my.models.Net"});
  CHECK_FALSE(finding.severity_if_allowed.has_value());
  CHECK(finding.message.find("--allow") != std::string::npos);

  const ScanResult main = scan(pickle4(reduce(stack_global("__main__", "Net"), ")")), "model.pkl");
  CHECK(has_rule(main, "pickle-main-class", Severity::warning));
}

TEST_CASE("Bombs are found by what they expand to", "[pickle]") {
  std::string tuples = proto(4) + ")";
  for (int i = 0; i < 40; ++i) tuples += "2\x86";
  std::string deep = proto(4) + "N";
  for (int i = 0; i < 20'000; ++i) deep += "\x85";
  check({
      {"DUP and TUPLE2", tuples + ".", "pickle-expansion", Severity::warning},
      {"nesting", deep + ".", "pickle-expansion", Severity::warning},
      {"memo index", pickle4("N" + raw({'r', 0xff, 0xff, 0xff, 0x7f})), "pickle-memory-bomb", Severity::warning},
      {"bytes(2**40)", pickle4(reduce(stack_global("builtins", "bytes"), tuple1(raw({0x8a, 6, 0, 0, 0, 0, 0, 1})))), "pickle-memory-bomb", Severity::warning},
      {"list(range(2**40))",
       pickle4(reduce(stack_global("builtins", "list"), tuple1(reduce(stack_global("builtins", "range"), tuple1(raw({0x8a, 6, 0, 0, 0, 0, 0, 1})))))),
       "pickle-memory-bomb", Severity::warning},
      {"huge claim", pickle4(raw({0x96}) + le(std::uint64_t{1} << 60, 8)), "pickle-memory-bomb", Severity::warning},
      {"digits", "I" + std::string(5000, '7') + "\n.", "pickle-memory-bomb", Severity::warning},
  });
  std::string lists = proto(4) + "]q" + raw({0}) + "0";
  for (int i = 1; i < 60; ++i) lists += "]q" + raw({i}) + "(h" + raw({i - 1}) + "h" + raw({i - 1}) + "e0";
  CHECK(has_rule(scan(lists + "N.", "model.pkl"), "pickle-expansion", Severity::warning));

  // The same from the top down: every list is empty when it is put into the next.
  std::string down = proto(4);
  for (int i = 0; i < 60; ++i) down += "]q" + raw({i}) + "0";
  for (int i = 59; i > 0; --i) down += "h" + raw({i}) + "(h" + raw({i - 1}) + "h" + raw({i - 1}) + "e0";
  CHECK(has_rule(scan(down + "N.", "model.pkl"), "pickle-expansion", Severity::warning));
}

TEST_CASE("Other signs of tampering", "[pickle]") {
  check({
      {"scanner", pickle4(stack_global("picklescan.scanner", "_unsafe_globals")), "pickle-scanner-tamper", Severity::critical},
      {"call of a call", pickle4(reduce(reduce(stack_global("collections", "OrderedDict"), ")"), ")")), "pickle-opaque-call", Severity::warning},
      {"out-of-band buffer", proto(5) + "\x97.", "pickle-buffers", Severity::warning},
      {"type with three arguments", pickle4(reduce(stack_global("builtins", "type"), tuple3(str("A"), ")", "}"))), "pickle-suspicious-global", Severity::warning},
      {"SETITEM on a tensor", pickle4(reduce(stack_global("torch._utils", "_rebuild_tensor_v2"), ")") + "K\x01K\x02s"), "pickle-item-write", Severity::warning},
  });
}
