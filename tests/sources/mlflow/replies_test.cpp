#include "sources/mlflow_replies.hpp"

#include <catch2/catch.hpp>

#include "modelaudit/error.hpp"

using namespace modelaudit;
using namespace modelaudit::sources::mlflow;

TEST_CASE("replies of MLflow are read", "[mlflow]") {
  CHECK(parse_download_uri(R"({"x": [1, {}], "artifact_uri": "mlflow-artifacts:/1"})") == "mlflow-artifacts:/1");
  const ModelVersion version = parse_model_version(R"({"model_version": {"name": "m", "version": 12, "run_id": "r", "aliases": ["a"]}})");
  CHECK(version.version == "12");
  CHECK(version.run_id == "r");
  CHECK(parse_latest_versions("{}", 9).empty());
  CHECK(parse_latest_versions(R"({"model_versions": [{"version": "3"}, {"version": "4"}]})", 9).at(1).version == "4");
  CHECK(parse_run_root(R"({"run": {"data": {}, "info": {"artifact_uri": "u"}}})") == "u");
  CHECK(parse_logged_model_root(R"({"model": {"info": {"artifact_uri": "u"}}})") == "u");
}

TEST_CASE("listings of artifacts are read", "[mlflow]") {
  const ArtifactPage page = parse_artifacts(
      R"({"root_uri": "x", "files": [{"path": "d", "is_dir": true}, {"path": "f", "is_dir": false, "file_size": "18446744073709551615"},
          {"path": "g", "file_size": null}], "next_page_token": "t"})", 3);
  REQUIRE(page.artifacts.size() == 3);
  CHECK(page.artifacts[0].folder);
  CHECK_FALSE(page.artifacts[0].size.has_value());
  CHECK(page.artifacts[1].size == ~std::uint64_t{0});
  CHECK_FALSE(page.artifacts[2].folder);
  CHECK(page.next_page == "t");
  CHECK(parse_artifacts("{}", 0).artifacts.empty());
  CHECK(parse_artifacts(R"({"files": []})", 0).artifacts.empty());
}

TEST_CASE("more entries than the limit are a limit", "[mlflow]") {
  try {
    (void)parse_artifacts(R"({"files": [{"path": "a"}, {"path": "b"}]})", 1);
    FAIL("read on");
  } catch (const Malformed& malformed) {
    CHECK(malformed.failure().code == Errc::limit);
  }
}

TEST_CASE("what is no reply is refused", "[mlflow]") {
  for (const char* json : {"", "[]", "null", "{", "{}", R"({"artifact_uri": 1})", R"({"artifact_uri": ""})", R"({"artifact_uri": "a"} x)",
                           R"({"artifact_uri": "a", "artifact_uri": "b"})", "<html>"}) {
    CAPTURE(json);
    CHECK_THROWS_AS(parse_download_uri(json), Malformed);
  }
  for (const char* json : {"{}", R"({"model_version": []})", R"({"model_version": {}})", R"({"model_version": {"version": "x"}})",
                           R"({"model_version": {"version": -1}})", R"({"model_version": {"version": "1", "version": "2"}})",
                           R"({"model_version": {"version": "1"}, "model_version": {"version": "2"}})"}) {
    CAPTURE(json);
    CHECK_THROWS_AS(parse_model_version(json), Malformed);
  }
  for (const char* json : {R"({"files": {}})", R"({"files": [1]})", R"({"files": [{}]})", R"({"files": [{"path": 1}]})", R"({"files": [{"path": ""}]})",
                           R"({"files": [{"path": "a", "path": "b"}]})", R"({"files": [{"path": "a", "is_dir": 1}]})",
                           R"({"files": [{"path": "a", "is_dir": true, "is_dir": false}]})", R"({"files": [{"path": "a", "file_size": -1}]})",
                           R"({"files": [{"path": "a", "file_size": 1.5}]})", R"({"files": [{"path": "a", "file_size": 1, "file_size": 2}]})",
                           R"({"files": [], "files": []})", R"({"next_page_token": 1})", R"({"files": [)"}) {
    CAPTURE(json);
    CHECK_THROWS_AS(parse_artifacts(json, 100), Malformed);
  }
  CHECK_THROWS_AS(parse_run_root(R"({"run": {"info": {}}})"), Malformed);
  CHECK_THROWS_AS(parse_run_root(R"({"run": {"info": {"artifact_uri": "a"}, "info": {"artifact_uri": "b"}}})"), Malformed);
  CHECK_THROWS_AS(parse_run_root(R"({"run": )" + std::string(100, '[') + std::string(100, ']') + "}"), Malformed);
}
