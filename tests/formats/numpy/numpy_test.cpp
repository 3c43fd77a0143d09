#include <catch2/catch.hpp>
#include <string>

#include "formats/numpy/sample.hpp"
#include "support/cases.hpp"
#include "support/hex.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using test::bytes_of;
using test::describe;
using test::has_rule;
using test::npy_file;
using test::npy_header;
using test::scan;

TEST_CASE("the golden cases of numpy hold", "[numpy]") { test::run_cases(MODELAUDIT_TEST_DIR "/cases"); }

TEST_CASE("arrays of numbers and text are clean and wholly examined", "[numpy]") {
  for (const std::string& file :
       {npy_file(npy_header("'<f8'", "(2,)"), std::string(16, '\x80')), npy_file(npy_header("'>i4'", "(2, 2)"), std::string(16, '\xff'), 2),
        npy_file(npy_header("'<f4'", "()"), std::string(4, '\0'), 3), npy_file(npy_header("'<f4'", "(0, 5)"), ""),
        npy_file(npy_header("'|S9'", "(1,)"), "eval('1')"), npy_file(npy_header("'<M8[ns]'", "(1,)"), std::string(8, '\1')),
        npy_file(npy_header("[('a', '<i4'), ('b', '|V4')]", "(1,)"), std::string(8, '\2'))}) {
    const ScanResult result = scan(file, "a.npy");
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::clean);
    CHECK(result.findings.empty());
    CHECK(result.coverage.interpreted + result.coverage.declared == file.size());
  }
}

TEST_CASE("several arrays in one file are each scanned", "[numpy]") {
  const std::string numbers = npy_file(npy_header("'<f8'", "(2,)"), std::string(16, '\0'));
  CHECK(scan(numbers + numbers + numbers, "a.npy").verdict() == Verdict::clean);
  const ScanResult second = scan(numbers + npy_file(npy_header("'<f8'", "(-2,)"), ""), "a.npy");
  CHECK(has_rule(second, "npy-size", Severity::warning));
}

TEST_CASE("what follows the array is told", "[numpy]") {
  const std::string numbers = npy_file(npy_header("'<f8'", "(1,)"), std::string(8, '\0'));
  CHECK(has_rule(scan(numbers + "more", "a.npy"), "npy-trailing", Severity::warning));
}

TEST_CASE("object arrays are told, at any depth and in every version", "[numpy]") {
  const std::string empty_list = std::string("\x80\x04]\x94.", 5);
  for (const char* descr : {"'|O'", "[('a', '<i4'), ('b', '|O')]", "[('a', [('b', ('|O', (2,)))])]", R"('|\x4f')"}) {
    for (const int version : {1, 2, 3}) {
      const ScanResult result = scan(npy_file(npy_header(descr, "(1,)"), empty_list, version), "a.npy");
      INFO(descr << version << describe(result));
      CHECK(has_rule(result, "npy-object"));
      CHECK_FALSE(has_rule(result, "npy-trailing"));
    }
  }
}

TEST_CASE("a header that is code is refused and the rest examined", "[numpy]") {
  const ScanResult result = scan(npy_file("__import__('os').system('id')", std::string(8, '\0')), "a.npy");
  CHECK(has_rule(result, "npy-header", Severity::warning));
  CHECK_FALSE(result.complete());
}

TEST_CASE("sizes that no file holds are told", "[numpy]") {
  for (const char* shape : {"(-1,)", "(4294967296, 4294967296)", "(2147483648, 2147483648)", "(9223372036854775808,)", "(281474976710656,)"}) {
    const ScanResult result = scan(npy_file(npy_header("'<f8'", shape), std::string(64, '\0')), "a.npy");
    INFO(shape << describe(result));
    CHECK(has_rule(result, "npy-size", Severity::warning));
    CHECK_FALSE(result.complete());
  }
  const ScanResult short_data = scan(npy_file(npy_header("'<f8'", "(9,)"), std::string(64, '\0')), "a.npy");
  CHECK(short_data.findings.empty());
  CHECK(short_data.verdict() == Verdict::inconclusive);
}

TEST_CASE("no prefix of an array is clean", "[numpy]") {
  const std::string file = npy_file(npy_header("[('a', '<i4'), ('b', '<f8')]", "(2,)"), std::string(24, '\0'));
  for (std::size_t n = 0; n < file.size(); ++n) {
    const ScanResult result = scan(std::string_view(file).substr(0, n), "a.npy");
    INFO(n << describe(result));
    CHECK_FALSE(result.complete());
  }
  test::check_ladder(bytes_of(file), "a.npy");
}
