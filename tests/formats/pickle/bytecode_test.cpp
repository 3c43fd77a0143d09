#include <catch2/catch.hpp>

#include "formats/pickle/assemble.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

std::string names(std::initializer_list<std::string_view> list) {
  std::string out = "(";
  for (const std::string_view name : list) out += str(name);
  return out + "t";
}

/// The arguments of types.CodeType, Python 3.11: eighteen of them, of which names and constants matter here.
std::string code_arguments(const std::string& used) {
  return "(K\x01K\x01K\x01K\x01K\x01K\x01" + bytes("\x97|\x01S") + "(NK\x01t" + used + names({"x"}) + str("<stdin>") + str("<lambda>") + str("<lambda>") +
         "K\x01" + bytes("") + bytes("") + ")" + ")t";
}

/// A function as dill writes it.
std::string function(const std::string& used) {
  return reduce(stack_global("dill._dill", "_create_function"),
                "(" + reduce(stack_global("dill._dill", "_create_code"), code_arguments(used)) + "}" + str("<lambda>") + "NNt");
}

}  // namespace

TEST_CASE("A plain lambda is a warning", "[pickle]") {
  const ScanResult result = scan(pickle4(function(names({"append", "shape"}))), "model.dill");
  INFO(describe(result));
  CHECK(result.worst() == Severity::warning);
  CHECK(has_rule(result, "pickle-bytecode"));
}

TEST_CASE("A function that starts programs is critical", "[pickle]") {
  for (const std::string& used : {names({"os", "system"}), names({"__import__"}), names({"subprocess", "run"}), names({"exec"}), names({"socket"})}) {
    const ScanResult result = scan(pickle4(function(used)), "model.dill");
    INFO(describe(result));
    CHECK(has_rule(result, "pickle-bytecode", Severity::critical));
  }
  const ScanResult paths = scan(pickle4(function(names({"os", "path", "join"}))), "model.dill");
  INFO(describe(paths));
  CHECK(paths.worst() == Severity::warning);
}

TEST_CASE("A function that is run while loading is critical whatever it names", "[pickle]") {
  const ScanResult result = scan(pickle4(reduce(function(names({"append"})), ")")), "model.dill");
  INFO(describe(result));
  CHECK(has_rule(result, "pickle-opaque-call", Severity::critical));
}

TEST_CASE("Imports and attributes by text are judged by what they reach", "[pickle]") {
  const std::string module = reduce(stack_global("dill._dill", "_import_module"), tuple1(str("os")));
  CHECK(has_rule(scan(pickle4(module), "model.dill"), "pickle-dangerous-call", Severity::critical));
  CHECK(has_rule(scan(pickle4(reduce(stack_global("cloudpickle.cloudpickle", "subimport"), tuple1(str("subprocess")))), "m.pkl"),
                 "pickle-dangerous-call", Severity::critical));
  const std::string reached = reduce(reduce(stack_global("dill._dill", "_get_attr"), tuple2(module, str("system"))), tuple1(str("id")));
  const ScanResult call = scan(pickle4(reached), "model.dill");
  INFO(describe(call));
  CHECK(std::any_of(call.findings.begin(), call.findings.end(), [](const Finding& f) { return f.message.starts_with("calls os.system"); }));
  const std::string write = stack_global("dill._dill", "_setattr") + tuple3(stack_global("collections", "OrderedDict"), str("get"), "N") + "R";
  CHECK(scan(pickle4(write), "model.dill").worst() == Severity::critical);
}

TEST_CASE("An import by text of what nobody cleared is a warning", "[pickle]") {
  const auto import = [](const std::string& argument) {
    return scan(pickle4(reduce(stack_global("cloudpickle.cloudpickle", "subimport"), argument)), "m.pkl");
  };
  for (const char* module : {"numpy", "sklearn.linear_model", "json", "math"}) {
    INFO(module);
    CHECK(import(tuple1(str(module))).verdict() == Verdict::clean);
  }
  CHECK(has_rule(import(tuple1(str("my_package"))), "pickle-unknown-global", Severity::warning));
  CHECK(has_rule(import(tuple1(str("numpyx"))), "pickle-unknown-global", Severity::warning));
  // Not a constant: whatever it is at run time.
  CHECK(import(tuple1(reduce(stack_global("collections", "OrderedDict"), ")"))).worst() == Severity::critical);
}
