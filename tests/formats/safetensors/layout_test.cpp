#include "formats/safetensors/layout.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "formats/safetensors/sample.hpp"
#include "modelaudit/error.hpp"

using namespace modelaudit;
using namespace modelaudit::formats::safetensors_layout;
using test::f32;

namespace {

struct Recorder final : HeaderObserver {
  std::vector<std::pair<Problem, std::string>> problems;
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::string> tensors;

  void on_problem(Problem problem, std::string_view name, std::uint64_t) override { problems.emplace_back(problem, name); }
  void on_text(std::string_view key, std::string_view value, std::uint64_t) override { texts.emplace_back(key, value); }
  void on_tensor(std::string_view name, std::uint64_t) override { tensors.emplace_back(name); }
};

Header parse(const std::string& json, Recorder& seen) {
  Budget budget{Limits{}};
  MemoryCharge charge(budget);
  return parse_header(as_view(json, 8), budget, charge, seen);
}

std::vector<Problem> problems_of(const std::string& entries) {
  Recorder seen;
  (void)parse('{' + entries + '}', seen);
  std::vector<Problem> out;
  for (const auto& problem : seen.problems) out.push_back(problem.first);
  return out;
}

using P = std::vector<Problem>;

}  // namespace

TEST_CASE("a header becomes its tensors, in order", "[safetensors]") {
  Recorder seen;
  const std::string json = R"({"__metadata__":{"format":"pt"},)" + f32("a", 4, 0, 16) +
                           R"(,"b\u0041":{"shape":[2,3],"data_offsets":[16,22],"dtype":"U8"}})" + "   ";
  const Header header = parse(json, seen);
  CHECK(seen.problems.empty());
  CHECK(seen.tensors == std::vector<std::string>{"a", "bA"});
  CHECK(seen.texts == std::vector<std::pair<std::string, std::string>>{{"format", "pt"}});
  REQUIRE(header.tensors.size() == 2);
  CHECK(header.tensors[0].end == 16);
  CHECK_FALSE(header.tensors[0].bytewise);
  CHECK(header.tensors[1].begin == 16);
  CHECK(header.tensors[1].bytewise);
  CHECK(tensor_name(as_view(json, 8), header.tensors[1]) == "bA");
  CHECK(header.quirks.json_begin == 8);
  CHECK(header.quirks.json_end == 8 + json.size() - 3);
}

TEST_CASE("every dtype of the reference has its size", "[safetensors]") {
  for (const auto& [name, bits] : std::vector<std::pair<std::string, std::uint32_t>>{
           {"BOOL", 8},     {"U8", 8},          {"I8", 8},          {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8},
           {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"U16", 16},        {"I16", 16},    {"F16", 16},    {"BF16", 16},
           {"U32", 32},     {"I32", 32},        {"F32", 32},        {"U64", 64},    {"I64", 64},    {"F64", 64},
           {"C64", 64},     {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6}}) {
    INFO(name);
    CHECK(dtype_bits(name) == bits);
  }
  CHECK_FALSE(dtype_bits("f32"));
  CHECK_FALSE(dtype_bits(""));
}

TEST_CASE("scalars, empty tensors and types below a byte are in order", "[safetensors]") {
  CHECK(problems_of(R"("s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"F32","shape":[0,7],"data_offsets":[4,4]})") == P{});
  CHECK(problems_of(R"("f":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]},"g":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[3,6]})") == P{});
  CHECK(problems_of(R"("f":{"dtype":"F4","shape":[3],"data_offsets":[0,1]})") == P{Problem::size_mismatch});
}

TEST_CASE("each broken entry is named for what it is", "[safetensors]") {
  const auto entry = [](const std::string& fields) { return R"("t":{)" + fields + '}'; };
  CHECK(problems_of(f32("t", 4, 0, 16) + ',' + f32("t", 4, 16, 32)) == P{Problem::duplicate_tensor});
  CHECK(problems_of(f32("t", 4, 0, 16) + R"(,"\u0074":{"dtype":"U8","shape":[1],"data_offsets":[16,17]})") == P{Problem::duplicate_tensor});
  CHECK(problems_of(entry(R"("dtype":"F32","dtype":"U8","shape":[4],"data_offsets":[0,4])")) == P{Problem::duplicate_field});
  CHECK(problems_of(entry(R"("dtype":"F32","data_offsets":[0,4])")) == P{Problem::bad_entry});
  CHECK(problems_of(entry(R"("dtype":7,"shape":[1],"data_offsets":[0,4])")) == P{Problem::bad_entry});
  CHECK(problems_of(R"("t":[1])") == P{Problem::bad_entry});
  CHECK(problems_of(entry(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])")) == P{Problem::bad_entry});
  CHECK(problems_of(entry(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])")) == P{Problem::bad_offsets});
  CHECK(problems_of(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0.0,4])")) == P{Problem::bad_offsets});
  CHECK(problems_of(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])")) == P{Problem::bad_offsets});
  CHECK(problems_of(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616])")) == P{Problem::bad_offsets});
  CHECK(problems_of(entry(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])")) == P{Problem::shape_overflow});
  CHECK(problems_of(entry(R"("dtype":"F32","shape":[5],"data_offsets":[0,16])")) == P{Problem::size_mismatch});
  CHECK(problems_of(entry(R"("dtype":"X9","shape":[5],"data_offsets":[0,16])")) == P{Problem::unknown_dtype});
  CHECK(problems_of(entry(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"x":"y")")) == P{Problem::extra_field});
  CHECK(problems_of(R"("__metadata__":{"a":1})") == P{Problem::metadata_type});
  CHECK(problems_of(R"("__metadata__":{"a":{"b":"c"}})") == P{Problem::metadata_nested});
  CHECK(problems_of(R"("__metadata__":{"a":"1","a":"2"})") == P{Problem::duplicate_metadata});
  CHECK(problems_of(R"("__metadata__":{},"__metadata__":{})") == P{Problem::duplicate_metadata});
  CHECK(problems_of(R"("t":[[[[1]]]])") == P{Problem::bad_entry, Problem::deep});
}

TEST_CASE("text in places that readers ignore is handed out too", "[safetensors]") {
  Recorder seen;
  (void)parse(R"({"__metadata__":{"a":{"b":"in metadata"}},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":["in a field"]}})", seen);
  CHECK(seen.texts == std::vector<std::pair<std::string, std::string>>{{"a", "in metadata"}, {"t", "in a field"}});
}

TEST_CASE("a header that is no object is malformed", "[safetensors]") {
  Recorder seen;
  CHECK_THROWS_AS(parse("[1]", seen), Malformed);
  CHECK_THROWS_AS(parse("", seen), Malformed);
  CHECK_THROWS_AS(parse("{\"a\":", seen), Malformed);
}
