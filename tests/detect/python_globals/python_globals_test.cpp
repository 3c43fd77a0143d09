#include "detect/python_globals.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace modelaudit::detect {
namespace {

std::vector<std::vector<std::string>> table(const std::string& name) {
  std::ifstream in(std::string(MODELAUDIT_DATA_DIR) + "/" + name);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, '\t');) rows.back().push_back(field);
  }
  return rows;
}

GlobalKind kind(std::string_view module, std::string_view name, bool python2 = false) {
  return judge_global(module, name, python2).kind;
}

TEST_CASE("every safe row is judged safe, with and without translation", "[globals]") {
  const auto rows = table("safe_globals.tsv");
  REQUIRE(rows.size() > 1000);
  for (const auto& row : rows) {
    INFO(row[0] << " " << row[1]);
    CHECK(kind(row[0], row[1]) == GlobalKind::safe);
    CHECK(kind(row[0], row[1], true) == GlobalKind::safe);
    // judge_global() does not resolve undotted safe names; this proves that resolution has nothing against them.
    CHECK(kind(row[0], row[1] + ".mean") != GlobalKind::critical);
  }
}

TEST_CASE("every dangerous row is judged at least as its severity says", "[globals]") {
  const auto rows = table("dangerous_globals.tsv");
  REQUIRE(rows.size() > 1000);
  for (const auto& row : rows) {
    INFO(row[0] << " " << row[1]);
    const std::string module = row[0] == "*" ? "some.package" : row[0];
    const std::string name = row[1] == "*" ? "whatever_is_not_listed" : row[1];
    const GlobalKind expected = row[2] == "critical" ? GlobalKind::critical : GlobalKind::warning;
    const GlobalJudgement found = judge_global(module, name, false);
    CHECK((found.kind == expected || found.kind == GlobalKind::critical));
    CHECK_FALSE(found.why.empty());
    CHECK(found.reason != GlobalReason::none);
  }
}

TEST_CASE("protocols below 3 are read with Python 2 names", "[globals]") {
  CHECK(kind("cPickle", "loads", true) == GlobalKind::critical);
  CHECK(kind("thread", "start_new_thread", true) == GlobalKind::critical);
  CHECK(kind("commands", "getoutput", true) == GlobalKind::critical);
  CHECK(kind("__builtin__", "eval", true) == GlobalKind::critical);
  CHECK(kind("__builtin__", "reduce", true) == GlobalKind::critical);
  CHECK(kind("urllib", "urlopen", true) == GlobalKind::critical);
  CHECK(kind("__builtin__", "set", true) == GlobalKind::safe);
  CHECK(kind("__builtin__", "object", true) == GlobalKind::safe);
  CHECK(kind("copy_reg", "_reconstructor", true) == GlobalKind::safe);
  CHECK(kind("exceptions", "ValueError", true) == GlobalKind::safe);
  const GlobalJudgement mapped = judge_global("itertools", "imap", true);
  CHECK(mapped.kind != GlobalKind::safe);
  CHECK(mapped.module == "builtins");
  CHECK(mapped.name == "map");
}

TEST_CASE("the boundary between module and name does not matter", "[globals]") {
  CHECK(kind("os", "system") == GlobalKind::critical);
  CHECK(kind("torch", "hub.load") == GlobalKind::critical);
  CHECK(kind("torch", "ops.load_library") == GlobalKind::critical);
  CHECK(kind("numpy", "ndarray.tofile") == GlobalKind::critical);
  CHECK(kind("numpy", "ctypeslib.load_library") == GlobalKind::critical);
  CHECK(kind("os", "system.__call__") == GlobalKind::critical);
  CHECK(kind("builtins", "eval.__call__") == GlobalKind::critical);
  CHECK(kind("concurrent", "interpreters.create") == GlobalKind::critical);
  CHECK(kind("asyncio.unix_events", "_UnixSubprocessTransport._start") == GlobalKind::critical);
}

TEST_CASE("modules seen through other modules are critical", "[globals]") {
  CHECK(judge_global("typing", "_sys.modules.pop", false).reason == GlobalReason::private_alias);
  CHECK(kind("collections", "_sys.settrace") == GlobalKind::critical);
  CHECK(kind("random", "_os.system") == GlobalKind::critical);
  CHECK(kind("random", "_os._exit") == GlobalKind::critical);
  CHECK(kind("enum", "bltns.eval") == GlobalKind::critical);
  CHECK(kind("torch.serialization", "os.system") == GlobalKind::critical);
  CHECK(kind("transformers.models.x", "os") == GlobalKind::critical);
  CHECK(kind("some.package", "signal.signal") == GlobalKind::critical);
}

TEST_CASE("components that walk the object graph are critical", "[globals]") {
  CHECK(judge_global("mypackage", "Thing.__init__.__globals__", false).reason == GlobalReason::component);
  CHECK(kind("mypackage", "Thing.__subclasses__") == GlobalKind::critical);
  CHECK(kind("mypackage", "function.__code__") == GlobalKind::critical);
  CHECK(judge_attribute("__globals__") == GlobalKind::critical);
  CHECK(judge_attribute("_os") == GlobalKind::critical);
  CHECK(judge_attribute("forward") == GlobalKind::unknown);
}

TEST_CASE("names that only look alike stay unknown", "[globals]") {
  CHECK(kind("mymodel.system", "Model") == GlobalKind::unknown);
  CHECK(kind("mymodel.os", "Model") == GlobalKind::unknown);
  CHECK(kind("mymodel.subprocess_pool", "Worker") == GlobalKind::unknown);
  CHECK(kind("mymodel", "system") == GlobalKind::unknown);
  CHECK(kind("mymodel", "OS") == GlobalKind::unknown);
  CHECK(kind("mymodel", "select") == GlobalKind::unknown);
  CHECK(kind("mymodel", "Trace.code") == GlobalKind::unknown);
  CHECK(kind("mymodel.eval", "Evaluator") == GlobalKind::unknown);
  CHECK(kind("osmnx.graph", "Graph") == GlobalKind::unknown);
  CHECK(kind("systems", "eval_") == GlobalKind::unknown);
  CHECK(kind("__main__", "Net") == GlobalKind::unknown);
}

TEST_CASE("scanners are not to be reached", "[globals]") {
  CHECK(judge_global("picklescan.scanner", "scan_bytes", false).reason == GlobalReason::scanner_tamper);
  CHECK(judge_global("modelaudit", "anything", false).kind == GlobalKind::critical);
}

TEST_CASE("blanks, control characters and broken UTF-8 are never ordinary", "[globals]") {
  CHECK(kind("os\r", "system\r") == GlobalKind::critical);
  CHECK(kind(" os", "system") == GlobalKind::critical);
  CHECK(judge_global("collections\r", "OrderedDict\r", false).reason == GlobalReason::odd_name);
  CHECK(kind("collections\r", "OrderedDict\r") == GlobalKind::warning);
  CHECK(kind("mymodel", "\xff\xfe") == GlobalKind::warning);
  CHECK(kind("mymodel", "Gr\xc3\xb6\xc3\x9f"
                        "e") == GlobalKind::unknown);
  CHECK(kind("", "") == GlobalKind::warning);
  CHECK(kind("os", "") == GlobalKind::warning);
}

TEST_CASE("long and deeply dotted names end soon", "[globals]") {
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) deep += ".b";
  CHECK(kind("mymodel", deep) == GlobalKind::warning);
  CHECK(judge_global(std::string(1'000'000, 'x'), std::string(1'000'000, '.'), true).module.size() < 1000);
  CHECK(kind(".", ".") == GlobalKind::unknown);
  CHECK(kind("..os", "system..") != GlobalKind::safe);
}

TEST_CASE("modules are dangerous as a whole or not", "[globals]") {
  CHECK(is_dangerous_module("os"));
  CHECK(is_dangerous_module("subprocess"));
  CHECK(is_dangerous_module("ctypes.util"));
  CHECK_FALSE(is_dangerous_module("numpy"));
  CHECK_FALSE(is_dangerous_module("mymodel.os"));
}

TEST_CASE("modules that may be imported by name", "[globals]") {
  for (const char* module : {"numpy", "sklearn", "sklearn.tree", "torch.nn", "json", "email.message", "datetime"}) {
    INFO(module);
    CHECK(is_cleared_module(module));
  }
  for (const char* module : {"", "os", "posix", "subprocess", "ctypes.util", "nump", "numpyx", "mymodel", "mymodel.json", "antigravity"}) {
    INFO(module);
    CHECK_FALSE(is_cleared_module(module));
  }
}

}  // namespace
}  // namespace modelaudit::detect
