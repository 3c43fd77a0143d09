#include <catch2/catch.hpp>

#include "formats/pickle/arguments.hpp"
#include "formats/pickle/assemble.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using formats::pickles::is_constant_repr;
using formats::pickles::is_distribution_template;

namespace {

Verdict verdict_of(const std::string& data) {
  const ScanResult result = scan(data, "model.pkl");
  INFO(describe(result));
  return result.verdict();
}

/// What SciPy 1.17 writes for a distribution with these shapes.
std::string scipy_template(const std::string& shapes) {
  return "\ndef _parse_args(self, " + shapes + " loc=0, scale=1):\n    return (" + shapes + "), loc, scale\n\ndef _parse_args_rvs(self, " + shapes +
         " loc=0, scale=1, size=None):\n    return self._argcheck_rvs(" + shapes + " loc, scale, size=size)\n\ndef _parse_args_stats(self, " +
         shapes + " loc=0, scale=1, moments='mv'):\n    return (" + shapes + "), loc, scale, moments\n";
}

std::string distribution(const std::string& text) {
  return proto(4) + stack_global("scipy.stats._continuous_distns", "uniform_gen") + ")\x81}(" + str("_parse_arg_template") + str(text) + str("numargs") +
         "K\x02ub.";
}

}  // namespace

TEST_CASE("dill's texts: constants and ranges of numbers only", "[pickle]") {
  for (const char* text : {"Ellipsis", "NotImplemented", "range(1, 9, 2)", "range(-3, 5)"}) CHECK(is_constant_repr(text));
  for (const char* text : {"", "range", "range()", "range(a)", "range(1)(2)", "range(1, open('x'))", "os.system('true')", "range(1", "ellipsis"}) {
    INFO(text);
    CHECK_FALSE(is_constant_repr(text));
  }
}

TEST_CASE("SciPy's template in its own form only", "[pickle]") {
  for (const char* shapes : {"", "a, ", "alpha, beta, ", "dfn, dfd, nc, "}) CHECK(is_distribution_template(scipy_template(shapes)));
  CHECK(is_distribution_template("def _parse_args(self, a, loc=0): return (a, ), loc, 1 def _parse_args_rvs(self): return self._argcheck_rvs(a) "
                                 "def _parse_args_stats(self): return ()"));
  const std::string good = scipy_template("a, ");
  CHECK_FALSE(is_distribution_template(""));
  CHECK_FALSE(is_distribution_template(good + "import os\n"));
  CHECK_FALSE(is_distribution_template("import os\n" + good));
  CHECK_FALSE(is_distribution_template(scipy_template("a=open('x'), ")));
  CHECK_FALSE(is_distribution_template(scipy_template("a=os.sep, ")));
  for (std::size_t cut = 0; cut + 2 < good.size(); ++cut) {
    INFO(cut);
    // The last line may end sooner: what is left returns fewer names, and calls nothing.
    if (good.find(')', cut) == std::string::npos) continue;
    CHECK_FALSE(is_distribution_template(good.substr(0, cut)));
  }
}

TEST_CASE("A distribution is as bad as the source text in its state", "[pickle]") {
  CHECK(verdict_of(distribution(scipy_template(""))) == Verdict::clean);
  CHECK(verdict_of(distribution("import os\nos.system('true')")) == Verdict::malicious);
  CHECK(verdict_of(pickle4(reduce(stack_global("scipy.stats._continuous_distns", "uniform_gen"), tuple1(str("a b"))))) == Verdict::suspicious);
}

TEST_CASE("NumPy's rebuilding of a function is as bad as the name it is given", "[pickle]") {
  const std::string rebuild = stack_global("numpy.core", "_ufunc_reconstruct");
  CHECK(verdict_of(pickle4(reduce(rebuild, tuple2(str("numpy.core._multiarray_umath"), str("log1p"))))) == Verdict::clean);
  CHECK(verdict_of(pickle4(reduce(rebuild, tuple2(str("os"), str("system"))))) == Verdict::malicious);
  CHECK(verdict_of(pickle4(reduce(rebuild, tuple1(str("os"))))) == Verdict::malicious);
}

TEST_CASE("A constructor that harms does so only when it runs", "[pickle]") {
  const std::string model = stack_global("ultralytics.nn.tasks", "DetectionModel");
  CHECK(verdict_of(pickle4(model + ")\x81}" + str("training") + "\x89sb")) == Verdict::clean);
  CHECK(verdict_of(pickle4(reduce(stack_global("copyreg", "_reconstructor"), tuple3(model, stack_global("builtins", "object"), "N")))) == Verdict::clean);
  CHECK(verdict_of(pickle4(reduce(model, tuple1("}" + str("activation") + str("x") + "s")))) == Verdict::malicious);
}

TEST_CASE("A method that its class lists as harmful is not an ordinary bound method", "[pickle]") {
  const std::string array = reduce(stack_global("numpy.core.multiarray", "_reconstruct"), tuple3(stack_global("numpy", "ndarray"), tuple1("K\x01"), "C\x01" "b"));
  const auto method = [&](const char* name) { return pickle4(reduce(stack_global("builtins", "getattr"), tuple2(array, str(name)))); };
  CHECK(verdict_of(method("mean")) == Verdict::clean);
  CHECK(verdict_of(method("tofile")) == Verdict::malicious);
}

TEST_CASE("dill and cloudpickle: what is looked up and how functions are kept", "[pickle]") {
  CHECK(verdict_of(pickle4(reduce(stack_global("dill._dill", "_load_type"), tuple1(str("slice"))))) == Verdict::clean);
  CHECK(verdict_of(pickle4(reduce(reduce(stack_global("dill._dill", "_load_type"), tuple1(str("KeyError"))), tuple1(str("eval"))))) == Verdict::clean);
  CHECK(verdict_of(pickle4(reduce(stack_global("dill._dill", "_eval_repr"), tuple1(str("range(0, 3)"))))) == Verdict::clean);
  CHECK(verdict_of(pickle4(reduce(stack_global("dill._dill", "_eval_repr"), tuple1(str("print(1)"))))) == Verdict::malicious);
  const std::string code = stack_global("dill._dill", "_create_function");
  CHECK(verdict_of(pickle4(code + "0" + stack_global("my_package", "__dict__"))) == Verdict::suspicious);
  CHECK(verdict_of(pickle4(code + "0" + stack_global("os", "__dict__"))) == Verdict::malicious);
  CHECK(verdict_of(pickle4(stack_global("my_package", "__dict__"))) == Verdict::malicious);
}
