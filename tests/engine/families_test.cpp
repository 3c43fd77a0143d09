#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "formats/safetensors/sample.hpp"
#include "modelaudit/report.hpp"
#include "support/folder.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

std::string shard_text(std::string_view tensor = "a") { return safetensors_file('{' + f32(tensor, 1, 0, 4) + '}', std::string(4, '\0')); }

std::string shard_name(int number, int total, std::string_view prefix = "model") {
  const auto five = [](int n) { return std::string(5 - std::to_string(n).size(), '0') + std::to_string(n); };
  return std::string(prefix) + '-' + five(number) + "-of-" + five(total) + ".safetensors";
}

/// A folder with shards 1 to `total`.
void write_shards(const TemporaryFolder& folder, int total, const std::string& below = "") {
  for (int i = 1; i <= total; ++i) folder.write(below + shard_name(i, total), shard_text("t" + std::to_string(i)));
}

ScanReport scan_path(const fs::path& path) { return Auditor(plain_options()).scan(path); }

const ShardFamily& only(const ScanReport& report) {
  REQUIRE(report.families.size() == 1);
  return report.families.front();
}

std::vector<std::string> rules_of(const ShardFamily& family) {
  std::vector<std::string> rules;
  for (const Finding& finding : family.findings) rules.push_back(finding.rule);
  return rules;
}

}  // namespace

TEST_CASE("a whole family is clean, and said to be one", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 3);
  folder.write("model.safetensors.index.json", R"({"weight_map":{"t1":"model-00001-of-00003.safetensors","t2":"model-00002-of-00003.safetensors","t3":"model-00003-of-00003.safetensors"}})");
  const ScanReport report = scan_path(folder.path());
  CHECK(report.verdict() == Verdict::clean);
  const ShardFamily& family = only(report);
  CHECK(family.path == (folder / "model-*-of-00003.safetensors").string());
  CHECK(family.kind == "safetensors");
  CHECK(family.expected == 3);
  CHECK(family.present == 3);
  CHECK(family.scanned == 3);
  CHECK(family.total_size == 3 * shard_text("t1").size());
  CHECK(family.index == "model.safetensors.index.json");
  CHECK(family.missing.empty());
  CHECK(family.findings.empty());
  CHECK(family.verdict == Verdict::clean);
}

TEST_CASE("a missing shard is a gap of the family: exit 2", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 5);
  fs::remove(folder / shard_name(2, 5));
  fs::remove(folder / shard_name(5, 5));
  const ScanReport report = scan_path(folder.path());
  const ShardFamily& family = only(report);
  CHECK(family.missing == std::vector<std::string>{shard_name(2, 5), shard_name(5, 5)});
  CHECK(family.missing_count == 2);
  CHECK(family.gaps.at(0).kind == GapKind::missing);
  CHECK(family.gaps.at(0).what == "2 of 5 shards are not there: " + shard_name(2, 5) + ", " + shard_name(5, 5));
  CHECK(family.verdict == Verdict::inconclusive);
  CHECK(report.verdict() == Verdict::inconclusive);
  CHECK(exit_status(report) == 2);
}

TEST_CASE("a finding in one shard outranks what is missing", "[families]") {
  const TemporaryFolder folder;
  folder.write("m-00001-of-00003.bin", "cos\nsystem\n(S'true'\ntR.");
  const ScanReport report = scan_path(folder.path());
  CHECK(only(report).verdict == Verdict::malicious);
  CHECK(exit_status(report) == 1);
}

TEST_CASE("missing shards are listed up to a thousand and counted beyond", "[families]") {
  const TemporaryFolder folder;
  folder.write("m-000000007-of-999999999.bin", "\x80\x02N.");
  const ScanReport report = scan_path(folder.path());
  const ShardFamily& family = only(report);
  CHECK(family.missing_count == 999'999'998);
  REQUIRE(family.missing.size() == 1000);
  CHECK(family.missing[5] == "m-000000006-of-999999999.bin");
  CHECK(family.missing[6] == "m-000000008-of-999999999.bin");
}

TEST_CASE("a shard named alone is judged alone, its family by what lies beside it", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 3);
  const ScanReport whole = scan_path(folder / shard_name(2, 3));
  CHECK(whole.files.size() == 1);
  CHECK(only(whole).present == 3);
  CHECK(only(whole).scanned == 1);
  CHECK(only(whole).gaps.empty());
  CHECK(exit_status(whole) == 0);
  fs::remove(folder / shard_name(3, 3));
  const ScanReport cut = scan_path(folder / shard_name(2, 3));
  CHECK(only(cut).missing == std::vector<std::string>{shard_name(3, 3)});
  CHECK(exit_status(cut) == 2);
}

TEST_CASE("one number under two names is a duplicate", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 2);
  folder.write("model-1-of-2.safetensors", shard_text("other"));
  const ScanReport report = scan_path(folder.path());
  CHECK(rules_of(only(report)) == std::vector<std::string>{"shard-duplicate"});
  CHECK(only(report).findings[0].severity == Severity::warning);
  CHECK(exit_status(report) == 1);
}

TEST_CASE("one file under two numbers is a duplicate, by hard link and by symbolic link", "[families]") {
  const bool symbolic = GENERATE(false, true);
  const TemporaryFolder folder;
  write_shards(folder, 2);
  fs::remove(folder / shard_name(2, 2));
  if (symbolic) {
    fs::create_symlink(shard_name(1, 2), folder / shard_name(2, 2));
  } else {
    fs::create_hard_link(folder / shard_name(1, 2), folder / shard_name(2, 2));
  }
  const ScanReport report = scan_path(folder.path());
  CHECK(only(report).present == 2);
  CHECK(only(report).total_size == shard_text("t1").size());
  CHECK(rules_of(only(report)) == std::vector<std::string>{"shard-duplicate"});
  CHECK(exit_status(report) == 1);
}

TEST_CASE("shards of another split beside a family", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 2);
  folder.write(shard_name(4, 7), shard_text());
  const ScanReport stray = scan_path(folder.path());
  REQUIRE(stray.families.size() == 2);
  CHECK(stray.families[0].findings.empty());
  CHECK(rules_of(stray.families[1]) == std::vector<std::string>{"shard-foreign"});
  CHECK(stray.families[1].missing_count == 6);
  CHECK(exit_status(stray) == 1);
  fs::remove(folder / shard_name(4, 7));
  write_shards(folder, 3);
  const ScanReport both = scan_path(folder.path());
  CHECK(both.families.at(1).findings.at(0).severity == Severity::info);
  CHECK(exit_status(both) == 0);
}

TEST_CASE("a number beyond the total is foreign", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 2);
  folder.write(shard_name(3, 2), shard_text());
  const ScanReport report = scan_path(folder.path());
  CHECK(only(report).present == 2);
  CHECK(rules_of(only(report)) == std::vector<std::string>{"shard-foreign"});
}

TEST_CASE("families that count from nought are whole too", "[families]") {
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) folder.write(shard_name(i, 3), shard_text("t" + std::to_string(i)));
  const ScanReport report = scan_path(folder.path());
  CHECK(only(report).missing_count == 0);
  CHECK(exit_status(report) == 0);
}

TEST_CASE("a shard that the index does not name is a note", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 2);
  folder.write("model.safetensors.index.json", R"({"weight_map":{"t1":"model-00001-of-00002.safetensors"}})");
  const ScanReport report = scan_path(folder.path());
  CHECK(rules_of(only(report)) == std::vector<std::string>{"shard-foreign"});
  CHECK(only(report).findings[0].severity == Severity::info);
  CHECK(exit_status(report) == 0);
}

TEST_CASE("a shard of another format, or of none, is told", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 3);
  folder.write(shard_name(2, 3), "\x80\x02N.");
  const ScanReport pickle = scan_path(folder.path());
  CHECK(rules_of(only(pickle)) == std::vector<std::string>{"shard-format"});
  CHECK(exit_status(pickle) == 1);
  folder.write("b-00001-of-00001.msgpack", "what is this");
  const ScanReport unknown = scan_path(folder.path());
  REQUIRE(unknown.families.size() == 2);
  CHECK(unknown.families[0].gaps.at(0).kind == GapKind::unrecognised);
}

TEST_CASE("a TensorFlow checkpoint wants its index, and its data are raw", "[families]") {
  const TemporaryFolder folder;
  folder.write("x.data-00000-of-00002", "raw bytes");
  folder.write("x.data-00001-of-00002", "raw bytes of the second");
  CHECK(only(scan_path(folder.path())).gaps.at(0).what == "the index is not there: x.index");
  folder.write("x.index", "index");
  CHECK(only(scan_path(folder.path())).gaps.empty());
  CHECK(only(scan_path(folder.path())).verdict == Verdict::clean);
}

TEST_CASE("a model in one file is no family unless it is not whole", "[families]") {
  const TemporaryFolder folder;
  folder.write("a/consolidated.00.pth", "\x80\x02N.");
  folder.write("b/" + shard_name(1, 1), shard_text());
  folder.write("c/variables.data-00000-of-00001", "raw");
  folder.write("c/variables.index", "index");
  CHECK(scan_path(folder.path()).families.empty());
  folder.write("a/consolidated.02.pth", "\x80\x02N.");
  const ScanReport report = scan_path(folder.path());
  CHECK(only(report).missing == std::vector<std::string>{"consolidated.01.pth"});
}

TEST_CASE("epochs are never missing", "[families]") {
  const TemporaryFolder folder;
  for (const char* name : {"model_weights_10.h5", "model_weights_20.h5", "checkpoint_5.pt", "checkpoint_10.pt", "cp_0005.weights.h5", "cp_0010.weights.h5"}) {
    folder.write(name, "\x80\x02N.");
  }
  for (const ShardFamily& family : scan_path(folder.path()).families) CHECK(family.gaps.empty());
}

TEST_CASE("the hub's cache is judged by the names of the snapshot", "[families]") {
  const TemporaryFolder folder;
  const std::string root = "models--o--n/";
  std::string map;
  for (int i = 1; i <= 2; ++i) {
    const std::string name = shard_name(i, 2);
    folder.write(root + "blobs/abc" + std::to_string(i), shard_text("t" + std::to_string(i)));
    fs::create_directories(folder / (root + "snapshots/r1"));
    fs::create_symlink("../../blobs/abc" + std::to_string(i), folder / (root + "snapshots/r1/" + name));
    map += (i == 1 ? "\"t" : ",\"t") + std::to_string(i) + "\":\"" + name + '"';
  }
  folder.write(root + "blobs/abc3", R"({"weight_map":{)" + map + "}}");
  fs::create_symlink("../../blobs/abc3", folder / (root + "snapshots/r1/model.safetensors.index.json"));
  for (const fs::path& target : {folder.path(), folder / (root + "snapshots/r1")}) {
    const ScanReport report = scan_path(target);
    for (const ScanResult& file : report.files) INFO(describe(file));
    CHECK(report.files.size() == 3);
    CHECK(only(report).path == (folder / (root + "snapshots/r1/model-*-of-00002.safetensors")).string());
    CHECK(only(report).index == "model.safetensors.index.json");
    CHECK(only(report).verdict == Verdict::clean);
    CHECK(exit_status(report) == 0);
  }
}

TEST_CASE("shards in several folders are one family only when that is said and holds", "[families]") {
  const TemporaryFolder folder;
  for (int i = 1; i <= 2; ++i) folder.write("disk" + std::to_string(i) + "/" + shard_name(i, 2), shard_text("t" + std::to_string(i)));
  for (const char* name : {"disk1", "disk2"}) fs::permissions(folder / name, fs::perms::owner_all);
  const std::vector<fs::path> named{folder / ("disk1/" + shard_name(1, 2)), folder / ("disk2/" + shard_name(2, 2))};
  Options options = plain_options();
  CHECK(Auditor(options).scan(named).families.size() == 2);
  CHECK(exit_status(Auditor(options).scan(named)) == 2);
  options.assume_shard_family = true;
  const ScanReport report = Auditor(options).scan(named);
  CHECK(only(report).path == (folder / "model-*-of-00002.safetensors").string());
  CHECK(only(report).scanned == 2);
  CHECK(exit_status(report) == 0);

  SECTION("by paths from the working folder") {
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    const std::vector<fs::path> relative{"disk1/" + shard_name(1, 2), "disk2/" + shard_name(2, 2)};
    const ScanReport here = Auditor(options).scan(relative);
    fs::current_path(before);
    CHECK(only(here).path == "model-*-of-00002.safetensors");
    CHECK(exit_status(here) == 0);
  }
  SECTION("a folder that others can write to") {
    fs::permissions(folder / "disk2", fs::perms::owner_all | fs::perms::group_all);
    const ScanReport doubtful = Auditor(options).scan(named);
    CHECK(doubtful.families.size() == 2);
    CHECK(doubtful.families[0].gaps.back().what == "not taken for one family with the shards of other folders: a folder belongs to somebody else, or others can write to it");
    CHECK(exit_status(doubtful) == 2);
  }
  SECTION("a number that occurs twice") {
    folder.write("disk2/" + shard_name(1, 2), shard_text());
    std::vector<fs::path> more = named;
    more.push_back(folder / ("disk2/" + shard_name(1, 2)));
    CHECK(Auditor(options).scan(more).families.at(0).gaps.back().what.ends_with("a number occurs twice"));
  }
  SECTION("a shard that is missing") {
    fs::create_directory(folder / "disk3");
    fs::rename(folder / ("disk2/" + shard_name(2, 2)), folder / ("disk3/" + shard_name(1, 2)));
    const std::vector<fs::path> wrong{folder / ("disk1/" + shard_name(1, 2)), folder / ("disk3/" + shard_name(1, 2))};
    CHECK(exit_status(Auditor(options).scan(wrong)) == 2);
  }
}

TEST_CASE("scan_advanced_large_file() scans the whole family of any of its files, each cached", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 3, "m/");
  folder.write("m/readme.txt", "not asked for");
  folder.write("m/model.safetensors.index.json", R"({"weight_map":{"t1":"model-00001-of-00003.safetensors","t2":"model-00002-of-00003.safetensors","t3":"model-00003-of-00003.safetensors"}})");
  const Auditor auditor(plain_options());
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  const auto progress = [&](const Progress& now) {
    done = std::max(done, now.files_done);
    total = now.files_total;
  };
  for (const std::string& name : {shard_name(1, 3), shard_name(3, 3), std::string("model.safetensors.index.json")}) {
    INFO(name);
    const ScanReport report = auditor.scan_advanced_large_file(folder / ("m/" + name), progress);
    CHECK(report.files.size() == 4);
    CHECK(only(report).scanned == 3);
    CHECK(report.verdict() == Verdict::clean);
    CHECK(done == 4);
    CHECK(total == 4);
  }
  CHECK(auditor.scan_advanced_large_file(folder / "m/readme.txt").files.size() == 1);
  CHECK(auditor.scan_advanced_large_file(folder / "none").errors.size() == 1);
}

TEST_CASE("scan_advanced_large_file() follows an index to files of other names, not out of the folder", "[families]") {
  const TemporaryFolder folder;
  folder.write("m/first.safetensors", shard_text("a"));
  folder.write("m/sub/second.safetensors", shard_text("b"));
  folder.write("outside.safetensors", shard_text("c"));
  const fs::path index = folder.write("m/model.safetensors.index.json", R"({"weight_map":{"a":"first.safetensors","b":"sub/second.safetensors","c":"../outside.safetensors"}})");
  const ScanReport report = Auditor(plain_options()).scan_advanced_large_file(index);
  REQUIRE(report.files.size() == 3);
  CHECK(report.verdict() == Verdict::malicious);
  for (const ScanResult& file : report.files) CHECK(file.path.find("outside") == std::string::npos);
}

TEST_CASE("the time limit of scan_advanced_large_file() is for all files together", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 3);
  const ScanReport report = Auditor(plain_options()).scan_advanced_large_file(folder / shard_name(1, 3), {}, std::chrono::milliseconds{0});
  REQUIRE(report.files.size() == 3);
  for (const ScanResult& file : report.files) {
    REQUIRE(file.coverage.gaps.size() >= 1);
    CHECK(file.coverage.gaps[0].kind == GapKind::timed_out);
    CHECK_FALSE(file.deterministic);
  }
  CHECK(only(report).verdict == Verdict::inconclusive);
}

TEST_CASE("a report that was put together is judged by its names and results alone", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 3);
  const Auditor auditor(plain_options());
  ScanReport report;
  for (const int number : {1, 3}) {
    ScanResult result = auditor.scan_file(folder / shard_name(number, 3));
    result.path = "jfrog://host/repo/" + shard_name(number, 3);
    report.files.push_back(std::move(result));
  }
  auditor.judge_families(report);
  CHECK(only(report).path == "jfrog://host/repo/model-*-of-00003.safetensors");
  CHECK(only(report).missing == std::vector<std::string>{shard_name(2, 3)});
  CHECK(only(report).total_size == 2 * shard_text("t1").size());
  CHECK(exit_status(report) == 2);
}

TEST_CASE("policy speaks about families too", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 2);
  folder.write("model-1-of-2.safetensors", shard_text("other"));
  Options options = plain_options();
  options.policy.suppress = {"shard-duplicate"};
  const ScanReport report = Auditor(options).scan(folder.path());
  CHECK_FALSE(only(report).findings.at(0).suppressed_by.empty());
  CHECK(only(report).verdict == Verdict::clean);
  CHECK(exit_status(report) == 0);
}

TEST_CASE("reports tell of families", "[families]") {
  const TemporaryFolder folder;
  write_shards(folder, 3);
  fs::remove(folder / shard_name(2, 3));
  const ScanReport report = scan_path(folder.path());
  const std::string json = render_json(report, {});
  CHECK(json.find(R"("missing_count": 1)") != std::string::npos);
  CHECK(json.find(shard_name(2, 3)) != std::string::npos);
  const std::string text = render_text(report, {});
  CHECK(text.find("2 of 3 shards") != std::string::npos);
  CHECK(text.find("1 of 3 shards is not there: " + shard_name(2, 3)) != std::string::npos);
}
