#include "formats/shard_index/layout.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "formats/shard_index/tensor_table.hpp"

using namespace modelaudit;
namespace layout = modelaudit::formats::shard_index_layout;

namespace {

struct Seen : layout::IndexObserver {
  void on_problem(layout::Problem problem, std::uint64_t) override { problems.push_back(problem); }
  void on_tensor(std::string_view tensor, std::string_view file, std::uint64_t) override {
    tensors.push_back(std::string(tensor) + "=" + std::string(file));
  }
  std::vector<layout::Problem> problems;
  std::vector<std::string> tensors;
};

struct Forms : layout::HeaderObserver {
  void on_shard_tensor(std::string_view tensor, std::uint32_t form) override { forms.emplace_back(tensor, form); }
  std::vector<std::pair<std::string, std::uint32_t>> forms;
};

layout::Index parse(std::string_view json, Seen& seen) {
  Budget budget{Limits{}};
  return layout::parse_index(as_view(json), budget, seen);
}

std::vector<std::pair<std::string, std::uint32_t>> forms_of(std::string_view json) {
  Budget budget{Limits{}};
  Forms forms;
  layout::parse_shard_header(as_view(json), budget, forms);
  return forms.forms;
}

}  // namespace

TEST_CASE("an index is read in document order", "[shard_index]") {
  Seen seen;
  const std::string json = R"({"metadata":{"total_size":7,"x":[1]},"other":[{}],"weight_map":{"b":"f1","a":"f\u0032"}} )" "\n";
  const layout::Index index = parse(json, seen);
  CHECK(index.has_map);
  CHECK(index.total_size == 7);
  CHECK(index.end == json.size());
  CHECK(seen.tensors == std::vector<std::string>{"b=f1", "a=f2"});
  CHECK(seen.problems.empty());
}

TEST_CASE("an array of files assigns each of them", "[shard_index]") {
  Seen seen;
  CHECK(parse(R"({"weight_map":{"l":["f1","f2"],"m":[]}})", seen).has_map);
  CHECK(seen.tensors == std::vector<std::string>{"l=f1", "l=f2"});
}

TEST_CASE("entries of the wrong kind are told and passed over", "[shard_index]") {
  using layout::Problem;
  Seen seen;
  CHECK(parse(R"({"weight_map":{"a":1,"b":{"x":"y"},"c":[2,["z"]],"d":"f"},"weight_map":[3]})", seen).has_map);
  CHECK(seen.tensors == std::vector<std::string>{"d=f"});
  CHECK(seen.problems == std::vector<Problem>{Problem::bad_file, Problem::bad_file, Problem::bad_file, Problem::bad_file,
                                              Problem::second_map, Problem::bad_map});
}

TEST_CASE("what is no index is refused or says so", "[shard_index]") {
  Seen seen;
  CHECK_FALSE(parse("{}", seen).has_map);
  CHECK_FALSE(parse(R"({"a":{"weight_map":{}}})", seen).has_map);
  CHECK_FALSE(parse(R"({"weight_map":"x"})", seen).has_map);
  for (const char* broken : {"", "[]", "1", "{", R"({"weight_map")", R"({"weight_map":{"a")", R"({"weight_map":{"a":"b"})"}) {
    INFO(broken);
    CHECK_THROWS_AS(parse(broken, seen), Malformed);
  }
}

TEST_CASE("the end of an index is behind its white space, not behind what follows", "[shard_index]") {
  Seen seen;
  CHECK(parse("{}\r\n\t x", seen).end == 6);
}

TEST_CASE("a number too large for a size is no size", "[shard_index]") {
  Seen seen;
  CHECK_FALSE(parse(R"({"metadata":{"total_size":1e9}})", seen).total_size);
  CHECK_FALSE(parse(R"({"metadata":{"total_size":18446744073709551616}})", seen).total_size);
  CHECK(parse(R"({"metadata":{"total_size":18446744073709551615}})", seen).total_size == ~std::uint64_t{0});
}

TEST_CASE("the form of a tensor is its type and its shape, in whatever order", "[shard_index]") {
  const auto forms = forms_of(R"({"__metadata__":{"a":"b"},
    "a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}, "b":{"data_offsets":[9,9],"shape":[2,3],"dtype":"F32"},
    "c":{"dtype":"F32","shape":[3,2]}, "d":{"dtype":"I32","shape":[2,3]}, "e":{"dtype":"F32","shape":[]}, "f":{}})");
  REQUIRE(forms.size() == 6);
  CHECK(forms[0].second == forms[1].second);
  for (std::size_t i = 2; i < forms.size(); ++i) CHECK(forms[i].second != forms[0].second);
  CHECK_THROWS_AS(forms_of("[]"), Malformed);
  CHECK_THROWS_AS(forms_of(R"({"a":{)"), Malformed);
}

TEST_CASE("the table of tensors keeps what was put in while it grows, and is charged for", "[shard_index]") {
  Limits limits;
  limits.memory = 4096 * 2 * sizeof(formats::TensorTable::Entry);
  Budget budget(limits);
  formats::TensorTable table(budget);
  for (std::uint32_t i = 0; i < 2000; ++i) table.at("t" + std::to_string(i)).named_in = i;
  CHECK(table.size() == 2000);
  for (std::uint32_t i = 0; i < 2000; ++i) CHECK(table.at("t" + std::to_string(i)).named_in == i);
  CHECK(table.size() == 2000);
  CHECK_THROWS_AS([&] { for (int i = 0; i < 100'000; ++i) (void)table.at("u" + std::to_string(i)); }(), Malformed);
}
