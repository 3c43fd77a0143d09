#include "formats/numpy/layout.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "formats/numpy/sample.hpp"

using namespace modelaudit;
using namespace modelaudit::formats::npy_layout;
using test::npy_header;

namespace {

Header header_of(const std::string& text) {
  const auto header = parse_header(as_view(text));
  INFO(text);
  REQUIRE(header);
  return *header;
}

bool refused(const std::string& text) { return !parse_header(as_view(text)).has_value(); }

}  // namespace

TEST_CASE("the dtypes that numpy writes have their sizes", "[numpy]") {
  const auto size = [](const char* text) { return classify_dtype(text).item_size; };
  CHECK(size("<f8") == 8);
  CHECK(size(">i4") == 4);
  CHECK(size("|b1") == 1);
  CHECK(size("|u1") == 1);
  CHECK(size("<f2") == 2);
  CHECK(size("<f16") == 16);
  CHECK(size("<c8") == 8);
  CHECK(size("|S5") == 5);
  CHECK(size("|S0") == 0);
  CHECK(size("<U3") == 12);
  CHECK(size("|V16") == 16);
  CHECK(size("<M8[ns]") == 8);
  CHECK(size("<m8[25s]") == 8);
  CHECK(size("<M8") == 8);
  CHECK(size("float64") == 8);
  CHECK(size("=i8") == 8);
  CHECK_FALSE(size("<U4611686018427387904").has_value());
}

TEST_CASE("every spelling of an object dtype is one", "[numpy]") {
  for (const char* text : {"|O", "O", "O8", "|O8", "<O", "O4", "object", "object_"}) {
    INFO(text);
    CHECK(classify_dtype(text).has_object);
    CHECK(classify_dtype(text).known);
  }
  // Lists and counts in one string: not understood, and never taken for numbers.
  for (const char* text : {"f8,O", "3O", "(2,)O", "i4, object"}) {
    INFO(text);
    CHECK(classify_dtype(text).has_object);
    CHECK_FALSE(classify_dtype(text).known);
  }
  CHECK_FALSE(classify_dtype("f8,i4").known);
  CHECK_FALSE(classify_dtype("").known);
  CHECK_FALSE(classify_dtype("<f3").known);
}

TEST_CASE("structured and nested descr add up", "[numpy]") {
  CHECK(header_of(npy_header("[('a', '<i4'), ('b', '<f8', (2, 3)), (('title', 'c'), '|S2')]", "(5,)")).dtype.item_size == 54);
  CHECK(header_of(npy_header("[('a', [('x', '<u2'), ('y', '|b1')]), ('', '|V5')]", "()")).dtype.item_size == 8);
  CHECK(header_of(npy_header("('<f4', (3,))", "(2,)")).dtype.item_size == 12);
  CHECK(header_of(npy_header("('<f4', 3)", "(2,)")).dtype.item_size == 12);
  CHECK(header_of(npy_header("[]", "(2,)")).dtype.item_size == 0);
  CHECK(header_of(npy_header("[('a', '<i4'), ('b', [('c', ('|O', (2,)))])]", "(5,)")).dtype.has_object);
}

TEST_CASE("shapes multiply without wrapping", "[numpy]") {
  CHECK(header_of(npy_header("'<f8'", "()")).elements == 1);
  CHECK(header_of(npy_header("'<f8'", "(3,)")).elements == 3);
  CHECK(header_of(npy_header("'<f8'", "(3L, 4L)")).elements == 12);
  CHECK(header_of(npy_header("'<f8'", "(0, 18446744073709551616)")).elements == 0);
  CHECK_FALSE(header_of(npy_header("'<f8'", "(4294967296, 4294967296)")).elements);
  CHECK_FALSE(header_of(npy_header("'<f8'", "(99999999999999999999999,)")).elements);
  CHECK(header_of(npy_header("'<f8'", "(-1,)")).negative_shape);
}

TEST_CASE("escapes cannot hide an object dtype", "[numpy]") {
  for (const char* descr : {R"('|\x4f')", R"('|\117')", R"('|\u004f')", R"(u'|O')", R"(b'|O')", R"("|O")"}) {
    INFO(descr);
    CHECK(header_of(npy_header(descr, "(1,)")).dtype.has_object);
  }
}

TEST_CASE("whatever is no plain literal is refused", "[numpy]") {
  const std::string good = npy_header("'<f8'", "(3,)");
  CHECK_FALSE(refused(good + "   \n"));
  CHECK_FALSE(refused("{'shape': (3,), 'fortran_order': True, 'descr': '<f8'}"));
  for (const std::string& text : {
           std::string(), std::string("{}"), std::string("[1]"), std::string("__import__('os')"), good + " or 1", good + std::string("\0x", 2),
           npy_header("__import__('os').system('id')", "(3,)"), npy_header("'<f' '8'", "(3,)"), npy_header("'''<f8'''", "(3,)"),
           npy_header("'<f8'", "(1_000,)"), npy_header("'<f8'", "(0x10,)"), npy_header("'<f8'", "(1+2,)"), npy_header("'<f8'", "[3]"),
           npy_header("'<f8'", "(3,"), npy_header("'<f8", "(3,)"), npy_header("('<f8',)", "(3,)"), npy_header("[('a',)]", "(3,)"),
           npy_header("[('a', '<f8', (1,), 2)]", "(3,)"), npy_header("{'names': ['a']}", "(3,)"), npy_header("'\\N{BULLET}'", "(3,)"),
           std::string("{'descr': '<f8', 'fortran_order': False}"),
           std::string("{'descr': '<f8', 'fortran_order': 0, 'shape': (3,)}"),
           std::string("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'x': 1}"),
           std::string("{'descr': '<f8', 'descr': '|O', 'fortran_order': False, 'shape': (3,)}")}) {
    INFO(text);
    CHECK(refused(text));
  }
}

TEST_CASE("nesting and fields are bounded", "[numpy]") {
  const auto nested = [](std::size_t n) {
    std::string descr = "'<f8'";
    for (std::size_t i = 0; i < n; ++i) descr = "[('a', " + descr + ")]";
    return npy_header(descr, "(1,)");
  };
  CHECK_FALSE(refused(nested(63)));
  CHECK(refused(nested(64)));
  CHECK(parse_header(as_view(npy_header(std::string(100'000, '['), "(1,)"))).error().code == Errc::malformed);
  std::string fields;
  for (int i = 0; i < 65'537; ++i) fields += "('a','|b1'),";
  CHECK(refused(npy_header('[' + fields + ']', "(1,)")));
}

TEST_CASE("the fixed part is checked field by field", "[numpy]") {
  const std::string file = test::npy_file(npy_header("'<f8'", "(0,)"), "", 2);
  for (std::size_t n = 0; n < 12; ++n) {
    INFO(n);
    CHECK_FALSE(parse_prefix(as_view(std::string_view(file).substr(0, n))));
  }
  const auto prefix = parse_prefix(as_view(std::string_view(file).substr(0, 12)));
  REQUIRE(prefix);
  CHECK(prefix->header_offset == 12);
  CHECK(prefix->header_length == file.size() - 12);
  std::string wrong = file;
  wrong[6] = 4;
  CHECK(parse_prefix(as_view(wrong)).error().code == Errc::unsupported);
  wrong[6] = 0;
  CHECK_FALSE(parse_prefix(as_view(wrong)));
}
