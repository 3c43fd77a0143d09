#include <catch2/catch.hpp>

#include <string>
#include <string_view>

#include "detect/paths.hpp"
#include "detect/paths/unicode.hpp"

using namespace modelaudit;
using namespace modelaudit::detect;
using namespace std::string_view_literals;

namespace {

bool raises(const std::vector<Finding>& findings, std::string_view rule, Severity severity) {
  for (const Finding& finding : findings) {
    if (finding.rule == rule && finding.severity == severity) return true;
  }
  return false;
}

std::vector<Finding> findings_of(std::string_view name, NameCharset charset = NameCharset::utf8) {
  return name_findings(judge_member_name(name, charset));
}

bool has(std::string_view name, PathFact fact) { return judge_member_name(name).facts.has(fact); }

}  // namespace

TEST_CASE("ordinary member names raise nothing", "[paths]") {
  for (const std::string_view name :
       {"archive/data.pkl"sv, "a..b/c...txt"sv, "./model/weights.bin"sv, "dir/"sv, "./"sv, "archive/data/0"sv, "model.pth"sv,
        "dense/kernel:0.npy"sv, "b:0.npy"sv, "params:12"sv, "a/b/../c.txt"sv, "\xE6\xA8\xA1\xE5\x9E\x8B.bin"sv, "na\xC3\xAFve.pkl"sv,
        "models--org--m/snapshots/abc/config.json"sv, "%2e%2e/x"sv, ".gitattributes"sv, ".git/hooks/pre-commit.sample"sv,
        "console.txt"sv, "com10.txt"sv, "profile.json"sv, "\xD9\x85\xDB\x8C\xE2\x80\x8C\xD8\xAE.bin"sv}) {
    CAPTURE(name);
    CHECK(findings_of(name).empty());
  }
  CHECK(findings_of(std::string(60'000, 'x')).empty());
}

TEST_CASE("names that leave the root are found in every spelling", "[paths]") {
  for (const std::string_view name : {"../x"sv, "a/../../x"sv, "a/../../a/x"sv, "..\\..\\x"sv, ".."sv, "a/./../../x"sv, ".. /x"sv, "a//../..//x"sv}) {
    CAPTURE(name);
    CHECK(raises(findings_of(name), "path-traversal", Severity::critical));
  }
  CHECK(judge_member_name("../../etc/passwd").normalised == "etc/passwd");
}

TEST_CASE("absolute names are found in every spelling", "[paths]") {
  for (const std::string_view name : {"/etc/passwd"sv, "\\x"sv, "//srv/share/x"sv, "\\\\srv\\share"sv, "C:\\x"sv, "c:/x"sv, "C:x"sv, "\\\\?\\C:\\x"sv}) {
    CAPTURE(name);
    CHECK(raises(findings_of(name), "path-absolute", Severity::critical));
  }
  CHECK(judge_member_name("\\\\?\\C:\\x\\y").normalised == "x/y");
}

TEST_CASE("a NUL byte is worse when it changes the extension", "[paths]") {
  CHECK(raises(findings_of("model.bin\0.pkl"sv), "name-nul", Severity::critical));
  CHECK(raises(findings_of("model.bin\0"sv), "name-nul", Severity::warning));
}

TEST_CASE("invisible and direction-changing characters are found", "[paths]") {
  CHECK(raises(findings_of("model\xE2\x80\xAEnip.exe"), "name-deceptive", Severity::warning));
  CHECK(raises(findings_of("mo\xE2\x80\x8B" "del.bin"), "name-deceptive", Severity::warning));
  CHECK(raises(findings_of("a\x1B[2Jb"), "name-deceptive", Severity::warning));
  CHECK(raises(findings_of("a\xE2\x80\x8D" "b"), "name-deceptive", Severity::warning));
  CHECK(findings_of("\xF0\x9F\x8F\xB4\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xBF.txt").empty());  // the flag of a region
}

TEST_CASE("devices, streams and start-up places", "[paths]") {
  CHECK(raises(findings_of("a/CON"), "name-device", Severity::info));
  CHECK(raises(findings_of("nul.txt"), "name-device", Severity::info));
  CHECK(raises(findings_of("notes.txt:hidden.exe"), "name-device", Severity::warning));
  CHECK(raises(findings_of("notes.txt:hidden"), "name-device", Severity::info));
  for (const std::string_view name : {".ssh/authorized_keys"sv, "home/.bashrc"sv, "lib/site-packages/evil.pth"sv, "sitecustomize.py"sv,
                                      ".git/hooks/post-checkout"sv, ".config/autostart/x.desktop"sv}) {
    CAPTURE(name);
    CHECK(raises(findings_of(name), "name-autorun", Severity::warning));
  }
}

TEST_CASE("names that some file system takes for one share their collision key", "[paths]") {
  const auto key = [](std::string_view name) { return judge_member_name(name, NameCharset::cp437).collision_key; };
  CHECK(key("Archive/Data.PKL") == key("archive\\data.pkl"));
  CHECK(key("caf\xC3\xA9.bin") == key("cafe\xCC\x81.bin"));
  CHECK(key("\xC3\x89t\xC3\xA9") == key("e\xCC\x81te\xCC\x81"));
  CHECK(key("data.pkl. ") == key("data.pkl"));
  CHECK(key("a/./b//c") == key("a/b/c"));
  CHECK(key("caf\x82") == key("caf\xC3\xA9"));  // code page 437
  CHECK(key("a") != key("b"));
}

TEST_CASE("UTF-8 decoding refuses overlong forms and surrogates", "[paths]") {
  CHECK_FALSE(is_utf8("\xC0\xAF"));
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));
  CHECK_FALSE(is_utf8("\xE2\x82"));
  CHECK(is_utf8("\xF0\x9F\x98\x80"));
  CHECK(has("\xC0\xAE\xC0\xAE/x", PathFact::undecodable));
}

TEST_CASE("references know URLs, home folders and percent-encoding", "[paths]") {
  const auto of = [](std::string_view text) { return reference_findings(judge_reference(text), "external data"); };
  CHECK(of("weights.bin").empty());
  CHECK(of("sub/weights 100%.bin").empty());
  CHECK(raises(of("../weights.bin"), "path-traversal", Severity::critical));
  CHECK(raises(of("%2e%2e/weights.bin"), "path-traversal", Severity::critical));
  CHECK(raises(of("/etc/passwd"), "path-absolute", Severity::critical));
  CHECK(raises(of("~/.ssh/id_rsa"), "path-absolute", Severity::critical));
  CHECK(raises(of("https://example.com/w.bin"), "path-url", Severity::warning));
  CHECK(raises(of("file:///etc/passwd"), "path-url", Severity::warning));
  CHECK(raises(of("s3://bucket/w.bin"), "path-url", Severity::warning));
  CHECK(raises(of("a\0b"sv), "name-nul", Severity::warning));
}

TEST_CASE("base_name() and lower_extension()", "[paths]") {
  CHECK(base_name("a/b/c.txt") == "c.txt");
  CHECK(base_name("c") == "c");
  CHECK(lower_extension("a/lib.SO.1.2") == ".so");
  CHECK(lower_extension("a.b/c") == "");
  CHECK(lower_extension(".bashrc") == "");
  CHECK(lower_extension("x.tar.gz") == ".gz");
  CHECK(lower_extension("weights.1") == ".1");
}

TEST_CASE("links inside the root are ordinary", "[paths]") {
  LinkTree tree;
  CHECK_FALSE(tree.add_link("latest", "ckpt-5", LinkKind::symbolic).escapes);
  CHECK_FALSE(tree.add_link("lib/libfoo.so", "libfoo.so.1", LinkKind::symbolic).escapes);
  CHECK_FALSE(tree.add_link("a/b/c", "../../d", LinkKind::symbolic).escapes);
  CHECK_FALSE(tree.add_link("h", "ckpt-5/model.bin", LinkKind::hard).escapes);
  const LinkJudgement place = tree.place("latest/model.bin");
  CHECK(place.through_link);
  CHECK(place.resolved == "ckpt-5/model.bin");
  CHECK(placement_findings(place, "latest/model.bin").empty());
}

TEST_CASE("links that leave the root are found, over other links too", "[paths]") {
  LinkTree tree;
  CHECK(tree.add_link("up", "../x", LinkKind::symbolic).escapes);
  CHECK(tree.add_link("abs", "/etc", LinkKind::symbolic).absolute);
  CHECK(tree.add_link("dir/hard", "../../x", LinkKind::hard).escapes);
  CHECK(raises(placement_findings(tree.place("abs/passwd"), "abs/passwd"), "link-write-through", Severity::critical));

  LinkTree chain;  // a -> ., then a/b -> .. : each target alone stays inside
  CHECK_FALSE(chain.add_link("a", ".", LinkKind::symbolic).escapes);
  const LinkJudgement second = chain.add_link("a/b", "..", LinkKind::symbolic);
  CHECK(second.escapes);
  CHECK(raises(link_findings(second, "a/b", ".."), "link-escape", Severity::critical));
  CHECK(raises(placement_findings(chain.place("b/x"), "b/x"), "link-write-through", Severity::critical));
}

TEST_CASE("the links of a model cache are information", "[paths]") {
  LinkTree tree;
  const std::string target = "../../blobs/" + std::string(40, 'a');
  const LinkJudgement link = tree.add_link("config.json", target, LinkKind::symbolic);
  CHECK(raises(link_findings(link, "config.json", target), "link-escape", Severity::info));
  CHECK_FALSE(tree.add_link("snapshots/rev/config.json", target, LinkKind::symbolic).escapes);
}

TEST_CASE("loops, overlong chains and exhausting archives end", "[paths]") {
  LinkTree loop;
  loop.add_link("a", "b", LinkKind::symbolic);
  CHECK(loop.add_link("b", "a", LinkKind::symbolic).looping);

  LinkTree longer;
  const std::string folder(200, 'd');
  std::string path;
  for (int i = 0; i < 21; ++i) path += folder + "/";
  CHECK(longer.add_link("long", path, LinkKind::symbolic).overlong);

  LinkTree many;
  bool exhausted = false;
  for (int i = 0; i < 30'000 && !exhausted; ++i) {
    exhausted = many.add_link("d" + std::to_string(i), "a/b/c/d/e", LinkKind::symbolic).exhausted;
  }
  CHECK(exhausted);
}
