#include "sources/mlflow_reference.hpp"

#include <catch2/catch.hpp>

#include "sources/base64.hpp"
#include "sources/http_client.hpp"
#include "sources/mlflow_store.hpp"

using namespace modelaudit::sources;
using namespace modelaudit::sources::mlflow;
using Kind = Reference::Kind;

TEST_CASE("references are taken apart as MLflow does it", "[mlflow]") {
  const auto check = [](const char* text, Kind kind, const char* name, const char* which, const char* below) {
    CAPTURE(text);
    const Reference reference = parse_reference(text);
    CHECK(reference.kind == kind);
    CHECK(reference.name == name);
    CHECK(reference.which == which);
    CHECK(reference.below == below);
  };
  check("models:/m/7", Kind::version, "m", "7", "");
  check("models:/a model.v2/07/", Kind::version, "a model.v2", "07", "");
  check("models:/m/7/data/model.pth", Kind::version, "m", "7", "data/model.pth");
  check("models:/m/Production", Kind::stage, "m", "Production", "");
  check("models:/m/Latest", Kind::latest, "m", "Latest", "");
  check("models:/m@champion/x", Kind::alias, "m", "champion", "x");
  check("models:/a@b@c", Kind::alias, "a@b", "c", "");
  check("models:/m-0123456789abcdef0123456789abcdef/x", Kind::logged_model, "m-0123456789abcdef0123456789abcdef", "", "x");
  check("models:/m-0123456789abcdef0123456789abcdeF/1", Kind::version, "m-0123456789abcdef0123456789abcdeF", "1", "");
  check("runs:/0a1b/model", Kind::run, "0a1b", "", "model");
}

TEST_CASE("what names nothing is refused", "[mlflow]") {
  for (const char* text : {"models:/", "models:/m", "models://m/1", "models:/m//1", "models:/m/1//x", "models:/@a", "models:/m@", "models:/./1",
                           "models:/m/..", "models:/m/1/a\\b", "models:/m/1/%252e%252e", "models:/m/\n", "models:/m/1/nul", "runs:/", "runs:/a.b"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_reference(text), SourceFailure);
  }
}

TEST_CASE("the root of the artifacts is the server's own or a folder", "[mlflow]") {
  const auto proxied = [](const char* uri) { return std::get<ProxiedRoot>(parse_root(uri, "h:5000")).path; };
  CHECK(proxied("mlflow-artifacts:/1/models/x/artifacts") == "1/models/x/artifacts");
  CHECK(proxied("mlflow-artifacts://h:5000/1/x/") == "1/x");
  CHECK(proxied("mlflow-artifacts:///1/x") == "1/x");
  CHECK(proxied("mlflow-artifacts:/") == "");
  const auto local = [](const char* uri) { return std::get<LocalRoot>(parse_root(uri, "h")).path; };
  CHECK(local("file:///models/1/") == "/models/1");
  CHECK(local("file:/models/1") == "/models/1");
  CHECK(local("/models/1") == "/models/1");
  for (const char* uri : {"", "x", "./x", "s3://b/k", "mlflow-artifacts://other/1", "mlflow-artifacts:/a/../b", "file://host/x", "//host/x", "/a/../b",
                          "mlflow-artifacts:/a//b", "C:\\models", "http://h:5000/x"}) {
    CAPTURE(uri);
    CHECK_THROWS_AS(parse_root(uri, "h"), SourceFailure);
  }
}

TEST_CASE("allowed folders are whole components", "[mlflow]") {
  CHECK(is_allowed("/a/b", {"/a"}));
  CHECK(is_allowed("/a", {"file:///a/"}));
  CHECK(is_allowed("/a", {"/"}));
  CHECK_FALSE(is_allowed("/ab", {"/a"}));
  CHECK_FALSE(is_allowed("/a", {"/a/b", "a", "", "models:/a", "/a/..", "/%61"}));
}

TEST_CASE("a tracking URI may name a folder", "[mlflow]") {
  CHECK(store_folder("mlruns") == "mlruns");
  CHECK(store_folder("file:///a/mlruns") == "/a/mlruns");
  CHECK(store_folder("file:mlruns") == "mlruns");
  for (const char* uri : {"", "http://h", "https://h", "sqlite:///x", "databricks", "databricks://x", "file://", "C:\\x"}) CHECK_FALSE(store_folder(uri));
}

TEST_CASE("the texts of a meta.yaml are read as MLflow writes them", "[mlflow]") {
  const std::string_view yaml = "a: plain: text\nab: no\nb: 'it''s'\nc: \"say \\\"x\\\"\"\nd: folded\n  over two\ne: null\nf:\nlist:\n  a: inner\nlast: x";
  CHECK(yaml_text(yaml, "a") == "plain: text");
  CHECK(yaml_text(yaml, "b") == "it's");
  CHECK(yaml_text(yaml, "c") == "say \"x\"");
  CHECK(yaml_text(yaml, "d") == "folded over two");
  CHECK(yaml_text(yaml, "e").empty());
  CHECK(yaml_text(yaml, "f").empty());
  CHECK(yaml_text(yaml, "last") == "x");
  CHECK(yaml_text(yaml, "inner").empty());
  CHECK(yaml_text("", "a").empty());
}

TEST_CASE("base64 is that of RFC 4648, section 10", "[mlflow]") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xff\xfe") == "//4=");
}
