#include <catch2/catch.hpp>

#include "modelaudit/cache.hpp"
#include "modelaudit/error.hpp"
#include "sources/double.hpp"
#include "sources/driver.hpp"
#include "sources/jfrog_listing.hpp"
#include "support/folder.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::sources;
using namespace modelaudit::test;

namespace {

constexpr const char* k_sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

Errc refusal(std::string_view json, std::uint32_t most = 100) {
  try {
    (void)jfrog::parse_storage_info(json, most);
  } catch (const Malformed& malformed) {
    return malformed.failure().code;
  }
  return Errc::absent;
}

}  // namespace

TEST_CASE("what Artifactory says about a file", "[jfrog]") {
  const auto info = jfrog::parse_storage_info(
      R"({"repo":"r","path":"/a.pkl","size":"123","unknown":[{"size":"9"}],"checksums":{"md5":"x","sha256":")" + std::string(k_sha) + "\"}} \n", 0);
  CHECK_FALSE(info.folder);
  CHECK(info.size == 123);
  REQUIRE(info.sha256);
  CHECK((*info.sha256)[0] == 0x9f);
  const auto bare = jfrog::parse_storage_info(R"({"uri":"u","size":7,"checksums":{"sha256":""}})", 0);
  CHECK(bare.size == 7);
  CHECK_FALSE(bare.sha256);
}

TEST_CASE("what Artifactory says about a folder", "[jfrog]") {
  const auto info = jfrog::parse_storage_info(R"({"repo":"r","children":[{"uri":"/a","folder":true},{"folder":false,"uri":"/b\u002f.pkl","x":{}}]})", 2);
  REQUIRE(info.children.size() == 2);
  CHECK(info.children[0].name == "a");
  CHECK(info.children[0].folder);
  CHECK(info.children[1].name == "b/.pkl");  // the walk refuses it
  CHECK(jfrog::parse_storage_info(R"({"repo":"r","children":[]})", 0).folder);
  CHECK(refusal(R"({"repo":"r","children":[{"uri":"/a"},{"uri":"/b"}]})", 1) == Errc::limit);
}

TEST_CASE("replies that are none of Artifactory's are malformed", "[jfrog]") {
  for (const char* json : {"[]", "null", "7", "{}", R"({"size":"1"})", R"({"repo":"r","size":"-1"})", R"({"repo":"r","size":"1e3"})",
                           R"({"repo":"r","size":null})", R"({"repo":"r","size":"99999999999999999999"})", R"({"repo":"r","size":"1","size":"2"})",
                           R"({"repo":"r","children":{}})", R"({"repo":"r","children":[7]})", R"({"repo":"r","children":[{}]})",
                           R"({"repo":"r","children":[{"uri":"a"}]})", R"({"repo":"r","children":[{"uri":7}]})",
                           R"({"repo":"r","children":[{"uri":"/a","uri":"/b"}]})", R"({"repo":"r","children":[{"uri":"/a","folder":"no"}]})",
                           R"({"repo":"r","children":[],"children":[]})", R"({"repo":"r","checksums":[]})", R"({"repo":"r","checksums":{"sha256":7}})",
                           R"({"repo":"r","checksums":{"sha256":"9f"}})", R"({"repo":"r"} x)", R"({"repo":"r",})", "<html>"}) {
    CAPTURE(json);
    CHECK(refusal(json) == Errc::malformed);
  }
  CHECK(refusal("") == Errc::truncated);
  CHECK(refusal(R"({"repo":"r")") == Errc::truncated);
  CHECK(refusal(R"({"repo":"r","x":)" + std::string(100, '[')) == Errc::limit);
}

TEST_CASE("what Artifactory says about a tree", "[jfrog]") {
  const auto files = jfrog::parse_file_list(
      R"({"uri":"u","files":[{"uri":"/a","size":-1,"folder":true},{"uri":"/a/b.pkl","size":7,"folder":"false","x":{},"sha2":")" +
          std::string(k_sha) + R"("},{"uri":"/c","size":"8"},{"uri":"/d","size":-1}]})", 3);
  REQUIRE(files.size() == 3);
  CHECK(files[0].path == "a/b.pkl");
  CHECK(files[0].size == 7);
  CHECK(files[0].sha256);
  CHECK(files[1].size == 8);
  CHECK_FALSE(files[1].sha256);
  CHECK_FALSE(files[2].size);
  CHECK(jfrog::parse_file_list(R"({"files":[]})", 0).empty());
  for (const char* json : {"{}", "[]", R"({"files":{}})", R"({"files":[7]})", R"({"files":[{}]})", R"({"files":[{"uri":"a"}]})", R"({"files":[{"uri":7}]})",
                           R"({"files":[{"uri":"/a","uri":"/b"}]})", R"({"files":[{"uri":"/a","folder":7}]})", R"({"files":[{"uri":"/a","folder":"maybe"}]})",
                           R"({"files":[{"uri":"/a","size":[]}]})", R"({"files":[{"uri":"/a","sha2":"9f"}]})", R"({"files":[],"files":[]})", R"({"files":[]} x)"}) {
    CAPTURE(json);
    CHECK_THROWS_AS(jfrog::parse_file_list(json, 10), Malformed);
  }
  CHECK_THROWS_AS(jfrog::parse_file_list(R"({"files":[{"uri":"/a"},{"uri":"/b"}]})", 1), Malformed);
}

TEST_CASE("references are recognised by form and host", "[jfrog]") {
  SourceOptions options;
  CHECK(is_reference("https://acme.jfrog.io/artifactory/models/a.pkl"));
  CHECK(is_reference("https://acme.jfrog.io/x/artifactory/models/"));
  for (const char* word : {"https://acme.jfrog.io/models/a.pkl", "https://acme.jfrog.io/artifactory/", "https://acme.jfrog.io/artifactory",
                           "http://acme.jfrog.io/artifactory/models", "https://acme.jfrog.io:8443/artifactory/models", "https://jfrog.io/artifactory/m",
                           "https://jfrog.io.evil.org/artifactory/m", "https://evil-jfrog.io/artifactory/m", "https://acme.jfrog.io/artifactory/m?x",
                           "https://u@acme.jfrog.io/artifactory/m", "https://art.corp/artifactory/m", "artifactory/m", ""}) {
    CAPTURE(word);
    CHECK_FALSE(is_reference(word));
  }
  options.jfrog.hosts = {"art.corp", "art.corp:8443"};
  CHECK(is_reference("https://art.corp/artifactory/m", options));
  CHECK(is_reference("https://art.corp:8443/artifactory/m", options));
  CHECK_FALSE(is_reference("https://art.corp:8444/artifactory/m", options));
}

TEST_CASE("listing limits hold", "[jfrog]") {
  ArtifactoryDouble server;
  const Auditor auditor(plain_options());
  const auto message = [&](const std::string& repository, auto change) {
    SourceOptions options = server.options();
    change(options);
    const SourcePlan plan = plan_source(auditor, server.url(repository), options);
    CHECK(plan.files.empty());
    REQUIRE(plan.errors.size() == 1);
    return plan.errors[0];
  };
  CHECK(message("deep", [](SourceOptions& o) { o.listing_depth = 3; }).message.find("deeper than 3") != std::string::npos);
  CHECK(message("folders", [](SourceOptions& o) { o.listing_folders = 50; }).message.find("more than 50 folders") != std::string::npos);
  CHECK(message("folders", [](SourceOptions& o) { o.listing_entries = 10; }).message.find("more than 10 entries") != std::string::npos);
  CHECK(message("flood", [](SourceOptions& o) { o.listing_bytes = 1 << 20; }).code == Errc::limit);
  CHECK(message("clean", [](SourceOptions& o) { o.listing_bytes = 100; }).code == Errc::limit);
}

TEST_CASE("limits on sizes keep files from being fetched", "[jfrog]") {
  ArtifactoryDouble server;
  const Auditor auditor(plain_options());
  SourceOptions options = server.options();
  options.total_size = 100;  // of 72, 15 and 15 bytes
  const ScanReport some = scan_source(auditor, server.url("clean"), options);
  CHECK(some.files.size() == 2);
  REQUIRE(some.errors.size() == 1);
  CHECK(some.errors[0].code == Errc::limit);
  CHECK(some.verdict() == Verdict::inconclusive);
  options.file_size = 20;
  const ScanReport small = scan_source(auditor, server.url("no-size"), options);
  REQUIRE(small.errors.size() == 1);
  CHECK(small.errors[0].code == Errc::limit);
}

TEST_CASE("a file that the disk has no room for is not begun", "[jfrog]") {
  ArtifactoryDouble server;
  const Auditor auditor(plain_options());
  SourceOptions options = server.options();
  options.file_size = options.total_size = std::uint64_t{1} << 62;
  const ScanReport report = scan_source(auditor, server.url("huge"), options);
  REQUIRE(report.errors.size() == 1);
  CHECK(report.errors[0].code == Errc::io_error);
  CHECK(report.errors[0].message.find("make room") != std::string::npos);
}

TEST_CASE("a host's own cache gives verdicts by content although it keeps no files", "[jfrog]") {
  ArtifactoryDouble server;
  auto cache = std::make_shared<CacheManager>(make_memory_cache(1 << 20), CacheSecret::random());
  Options options = plain_options();
  options.cache.enabled = true;
  const Auditor auditor(options, ScannerRegistry::builtin(), cache);
  const ScanReport first = scan_source(auditor, server.url("models"), server.options());
  std::vector<std::string> fetched;
  SourceOptions watched = server.options();
  watched.progress = [&](const FetchProgress& now) { fetched.emplace_back(now.url); };
  const ScanReport second = scan_source(auditor, server.url("models"), watched);
  CHECK(fetched.empty());
  CHECK(second.files == first.files);
  CHECK(second.unknown == first.unknown);
  CHECK(second.worst() == Severity::critical);
}

TEST_CASE("wrong options are the caller's mistake", "[jfrog]") {
  const Auditor auditor(plain_options());
  SourceOptions options;
  options.attempts = 0;
  CHECK_THROWS_AS(scan_source(auditor, "https://acme.jfrog.io/artifactory/m", options), Error);
  options.attempts = 1;
  options.time_limit = std::chrono::milliseconds(0);
  CHECK_THROWS_AS(plan_source(auditor, "https://acme.jfrog.io/artifactory/m", options), Error);
}
