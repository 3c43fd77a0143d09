#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "formats/safetensors/sample.hpp"
#include "support/cases.hpp"
#include "support/folder.hpp"
#include "support/hex.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

/// A folder with an index and two shards that fit: "a" and "b" in the first, "c" in the second.
class Model {
 public:
  Model() {
    shard("model-00001-of-00002.safetensors", f32("a", 1, 0, 4) + ',' + f32("b", 1, 4, 8), 8);
    shard("model-00002-of-00002.safetensors", f32("c", 2, 0, 8), 8);
    map(R"("a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors")");
  }
  void shard(std::string_view name, const std::string& tensors, std::size_t data) const {
    folder.write(name, safetensors_file('{' + tensors + '}', std::string(data, '\0')));
  }
  void map(const std::string& entries) const { folder.write("model.safetensors.index.json", R"({"metadata":{"total_size":16},"weight_map":{)" + entries + "}}"); }
  ScanResult scan_index(Options options = plain_options()) const { return Auditor(options).scan_file(folder / "model.safetensors.index.json"); }

  TemporaryFolder folder;
};

std::string detail(const Finding& finding, std::string_view key) {
  for (const auto& [name, value] : finding.details) {
    if (name == key) return value;
  }
  return {};
}

const Finding& only(const ScanResult& result) {
  INFO(describe(result));
  REQUIRE(result.findings.size() == 1);
  return result.findings.front();
}

std::string fact(const ScanResult& result, std::string_view key) {
  for (const auto& [name, value] : result.metadata) {
    if (name == key) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("shard index: golden cases", "[shard_index]") { run_cases(fs::path(MODELAUDIT_TEST_DIR) / "cases"); }

TEST_CASE("shard index: every prefix and flipped byte ends with a result that repeats", "[shard_index]") {
  check_ladder(bytes_of(R"({"metadata":{"total_size":16},"weight_map":{"a":"m-1.safetensors","b":["x","../y"]}})"), "model.safetensors.index.json");
}

TEST_CASE("shard index: a model that fits is clean", "[shard_index]") {
  const ScanResult result = Model().scan_index();
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
  CHECK(result.complete());
  CHECK(result.findings.empty());
  CHECK(fact(result, "shard-index.tensor_count") == "3");
  CHECK(fact(result, "shard-index.shard_count") == "2");
  CHECK(fact(result, "shard-index.shards") == "model-00001-of-00002.safetensors\nmodel-00002-of-00002.safetensors");
}

TEST_CASE("shard index: content decides, not the name", "[shard_index]") {
  const Model model;
  fs::rename(model.folder / "model.safetensors.index.json", model.folder / "notes.txt");
  const ScanResult result = Auditor(plain_options()).scan_file(model.folder / "notes.txt");
  CHECK(result.scanners == std::vector<std::string>{"shard-index"});
  CHECK(result.verdict() == Verdict::clean);
  for (const char* other : {R"({"model":{"weight_map":{"a":"b"}}})", R"({"weight_map":["a"]})", R"({"x":"weight_map"})", "{", "[]"}) {
    CHECK(scan(other, "config.json").scanners.empty());
    CHECK(scan(other, "search.index.json").scanners.empty());
  }
  const std::string far = R"({"x":")" + std::string(100'000, ' ') + R"(","weight_map":{"a":"../b"}})";
  CHECK(scan(far, "model.bin.index.json").verdict() == Verdict::malicious);
  CHECK(scan(R"({"model":{"weight_map":{"a":"b"}}})", "config.json").coverage.gaps.at(0).kind == GapKind::unrecognised);
}

TEST_CASE("shard index: a shard that is absent is a gap that names it", "[shard_index]") {
  const Model model;
  fs::remove(model.folder / "model-00002-of-00002.safetensors");
  const ScanResult result = model.scan_index();
  REQUIRE(result.coverage.gaps.size() == 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::missing);
  CHECK(result.coverage.gaps[0].what == "1 of the 2 files that the index names are absent: model-00002-of-00002.safetensors");
  CHECK(result.deterministic);
  CHECK(result.verdict() == Verdict::inconclusive);
}

TEST_CASE("shard index: bytes without a folder say nothing of siblings", "[shard_index]") {
  const ScanResult result = scan(R"({"weight_map":{"a":"model-00001-of-00002.safetensors"}})", "model.safetensors.index.json");
  CHECK(result.verdict() == Verdict::clean);
  CHECK(fact(result, "shard-index.shard_bytes").empty());
}

TEST_CASE("shard index: paths that leave the folder are critical, in every spelling", "[shard_index]") {
  for (const char* path : {"../x.bin", "/tmp/x.bin", "sub/../../x.bin", "..\\\\x.bin", "%2e%2e/x.bin", "C:\\\\x.bin", "~/x.bin"}) {
    INFO(path);
    const ScanResult result = scan(std::string(R"({"weight_map":{"a":")") + path + R"("}})", "model.bin.index.json");
    CHECK(result.verdict() == Verdict::malicious);
  }
  const ScanResult url = scan(R"({"weight_map":{"a":"https://example.org/x.bin"}})", "model.bin.index.json");
  CHECK(has_rule(url, "path-url", Severity::warning));
}

TEST_CASE("shard index: a name that leaves the folder is never opened", "[shard_index]") {
  const Model model;
  const TemporaryFolder outside;
  const fs::path secret = outside.write("x.safetensors", safetensors_file('{' + f32("a", 1, 0, 4) + '}', std::string(4, '\0')));
  model.map(R"("a":")" + secret.string() + '"');
  const ScanResult result = model.scan_index();
  CHECK(has_rule(result, "path-absolute", Severity::critical));
  CHECK(fact(result, "shard-index.shard_bytes") == "0");
}

TEST_CASE("shard index: files below the folder are ordinary", "[shard_index]") {
  const Model model;
  fs::create_directory(model.folder / "sub");
  model.shard("sub/x.safetensors", f32("a", 1, 0, 4), 4);
  model.map(R"("a":"sub/x.safetensors")");
  CHECK(model.scan_index().verdict() == Verdict::clean);
}

TEST_CASE("shard index: a link out of the folder is told apart from an absent file", "[shard_index]") {
  const Model model;
  const TemporaryFolder outside;
  fs::rename(model.folder / "model-00002-of-00002.safetensors", outside / "elsewhere");
  fs::create_symlink(outside / "elsewhere", model.folder / "model-00002-of-00002.safetensors");
  const ScanResult result = model.scan_index();
  CHECK(result.complete());
  CHECK(only(result).rule == "shard-link");
  CHECK(only(result).severity == Severity::info);
}

TEST_CASE("shard index: tensors that no shard holds", "[shard_index]") {
  const Model model;
  model.map(R"("a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors","ghost":"model-00002-of-00002.safetensors")");
  const ScanResult result = model.scan_index();
  CHECK(only(result).rule == "shard-index-mismatch");
  CHECK(detail(only(result), "names") == "ghost");
  CHECK(result.verdict() == Verdict::suspicious);
}

TEST_CASE("shard index: tensors in another shard, and tensors that it does not name, are notes", "[shard_index]") {
  const Model model;
  model.map(R"("a":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors")");
  CHECK(only(model.scan_index()).rule == "shard-index-mismatch");  // the first shard is not named at all
  model.map(R"("a":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors")");
  CHECK(only(model.scan_index()).rule == "shard-index-misplaced");
  model.map(R"("a":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors")");
  const ScanResult result = model.scan_index();
  CHECK(only(result).rule == "shard-tensor-unlisted");
  CHECK(detail(only(result), "names") == "b");
  CHECK(result.verdict() == Verdict::clean);
}

TEST_CASE("shard index: a tensor in two shards conflicts when its form differs", "[shard_index]") {
  const Model model;
  model.shard("model-00002-of-00002.safetensors", f32("c", 2, 0, 8) + ',' + f32("a", 1, 8, 12), 12);
  CHECK(only(model.scan_index()).rule == "shard-tensor-twice");
  model.shard("model-00002-of-00002.safetensors", f32("c", 2, 0, 8) + ',' + f32("a", 2, 8, 16), 16);
  const ScanResult result = model.scan_index();
  CHECK(only(result).rule == "shard-tensor-conflict");
  CHECK(only(result).severity == Severity::warning);
}

TEST_CASE("shard index: assigned twice", "[shard_index]") {
  const Model model;
  model.map(R"("a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors")");
  CHECK(only(model.scan_index()).severity == Severity::info);
  model.map(R"("a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00001-of-00002.safetensors","\u0063":"model-00002-of-00002.safetensors")");
  const ScanResult result = model.scan_index();
  CHECK(only(result).rule == "shard-index-duplicate");
  CHECK(only(result).severity == Severity::warning);
}

TEST_CASE("shard index: a shard whose header cannot be read is a gap", "[shard_index]") {
  const Model model;
  const std::string name = "model-00002-of-00002.safetensors";
  for (const std::string& content : {std::string(), std::string("1234567"), le64(~std::uint64_t{0}) + "{}", le64(3) + "{}", le64(2) + "[]", le64(100'000'001) + "{}"}) {
    INFO(content.size());
    model.folder.write(name, content);
    const ScanResult result = model.scan_index();
    CHECK(result.findings.empty());
    REQUIRE(result.coverage.gaps.size() == 1);
    CHECK(result.coverage.gaps[0].kind == GapKind::corrupt);
  }
}

TEST_CASE("shard index: what follows the object is not covered", "[shard_index]") {
  const ScanResult result = scan(R"({"weight_map":{"a":"b"}} {"weight_map":{}})", "model.bin.index.json");
  REQUIRE(result.coverage.gaps.size() == 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::unexamined);
}

TEST_CASE("shard index: names chosen to flood are bounded", "[shard_index]") {
  const Model model;
  std::string entries;
  for (int i = 0; i < 300; ++i) entries += (i == 0 ? "" : ",") + ("\"t" + std::to_string(i)) + "\":\"f" + std::to_string(i) + ".bin\"";
  model.map(entries);
  Options options = plain_options();
  options.limits.siblings = 100;
  const ScanResult result = model.scan_index(options);
  REQUIRE(result.coverage.gaps.size() == 1);
  CHECK(result.coverage.gaps[0].kind == GapKind::limit);
  CHECK(result.deterministic);
  CHECK(model.scan_index().coverage.gaps.at(0).kind == GapKind::missing);
}

TEST_CASE("shard index: what it rests on is verified before a cached result is believed", "[shard_index]") {
  const Model model;
  Options options;
  options.cache.dir = model.folder / "cache";
  options.cache.key_file = model.folder / "key";
  const fs::path index = model.folder / "model.safetensors.index.json";
  const fs::path shard = model.folder / "model-00002-of-00002.safetensors";
  const Auditor auditor(options);
  (void)auditor.scan_file(index);
  fs::remove(shard);
  CHECK(auditor.scan_file(index).coverage.gaps.at(0).kind == GapKind::missing);
  model.shard("model-00002-of-00002.safetensors", f32("x", 2, 0, 8), 8);
  CHECK(has_rule(auditor.scan_file(index), "shard-index-mismatch"));
}
