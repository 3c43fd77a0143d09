#include <catch2/catch.hpp>

#include <string>

#include "support/cases.hpp"
#include "support/scan.hpp"
#include "support/tar_builder.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

const std::string k_text = "Plain words, of no interest to anybody.";

void check_clean(const ScanResult& result) {
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
}

std::string evil() { return std::string("\x80\x02") + "cposix\nsystem\nU\x04true\x85R."; }

}  // namespace

TEST_CASE("ordinary tars are clean", "[tar]") {
  check_clean(scan(tar_of({{"./", "", '5'}, {"./a.txt", k_text}, {"./b.txt", k_text}}), "x.tar"));
  check_clean(scan(tar_of({{"ckpt-5", k_text}, {.name = "latest", .type = '2', .link = "ckpt-5"}}), "x.tar"));
  check_clean(scan(tar_of({{"a", k_text}, {.name = "b", .type = '1', .link = "a"}}), "x.tar"));
  check_clean(scan(tar_of({{"a", k_text}}) + std::string(8192, '\0'), "x.tar"));
  check_clean(scan(tar_member({.name = "pax_global_header", .data = pax_record("comment", "0123456789abcdef"), .type = 'g'}) + tar_of({{"a", k_text}}), "x.tar"));
}

TEST_CASE("names and links that leave the root are critical", "[tar]") {
  CHECK(has_rule(scan(tar_of({{"../../x", k_text}}), "x.tar"), "path-traversal", Severity::critical));
  const std::string pax = tar_member({.name = "p", .data = pax_record("path", "../../x"), .type = 'x'});
  CHECK(has_rule(scan(pax + tar_of({{"ok", k_text}}), "x.tar"), "path-traversal"));
  CHECK(has_rule(scan(tar_of({{.name = "l", .type = '2', .link = "/etc/passwd"}}), "x.tar"), "link-escape"));
  CHECK(has_rule(scan(tar_of({{.name = "l", .type = '1', .link = "../../etc/passwd"}}), "x.tar"), "link-escape"));
  CHECK(has_rule(scan(tar_of({{.name = "d", .type = '2', .link = "/tmp"}, {"d/x", k_text}}), "x.tar"), "link-write-through"));
}

TEST_CASE("what readers disagree on is named, and scanned both ways", "[tar]") {
  CHECK(has_rule(scan(tar_of({{.name = "f", .type = '6'}}), "x.tar"), "tar-special"));
  CHECK(has_rule(scan(tar_of({{.name = "f", .data = k_text, .mode = 04755}}), "x.tar"), "tar-setid"));
  CHECK(has_rule(scan(tar_of({{"a", k_text}}) + tar_of({{"b", k_text}}), "x.tar"), "tar-after-eof"));
  CHECK(has_rule(scan(std::string(512, '\0') + tar_of({{"a", k_text}}), "x.tar"), "tar-leading-zero"));
  CHECK(has_rule(scan(tar_of({{"d", k_text, '5'}}), "x.tar"), "tar-data-on-nondata"));
  CHECK(has_rule(scan(tar_of({{"a", k_text}}) + "trailing", "x.tar"), "tar-trailing"));
  const auto damaged = scan(tar_member({"a", k_text}) + tar_member({.name = "b", .data = k_text, .good_checksum = false}) + tar_of({{"c", k_text}}), "x.tar");
  CHECK(has_rule(damaged, "tar-bad-checksum"));
  CHECK_FALSE(damaged.complete());
  const std::string pax = tar_member({.name = "p", .data = pax_record("size", "20"), .type = 'x'});
  CHECK(has_rule(scan(pax + tar_of({{"a", k_text}}), "x.tar"), "tar-pax-size-conflict"));
}

TEST_CASE("a payload is found in every place of a tar", "[tar]") {
  const auto malicious = [](const ScanResult& result) {
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::malicious);
  };
  malicious(scan(tar_of({{"readme.txt", evil()}}), "x.tar"));
  malicious(scan(tar_of({{"folder", evil(), '5'}}), "x.tar"));
  malicious(scan(tar_of({{"a", k_text}}) + tar_of({{"b", evil()}}), "x.tar"));
  malicious(scan(std::string(512, '\0') + tar_of({{"a", evil()}}), "x.tar"));
  malicious(scan(tar_of({{"a", k_text}, {"a", evil()}}), "x.tar"));
  malicious(scan(tar_of({{"a", evil()}}), "model.pt"));
}

TEST_CASE("a cut tar is inconclusive, not dangerous", "[tar]") {
  const std::string whole = tar_member({"a", std::string(600, 'a')});
  for (std::size_t n = 513; n < 1112; n += 13) {
    const auto result = scan(whole.substr(0, n), "x.tar");
    INFO(n << "\n" << describe(result));
    CHECK_FALSE(result.complete());
    CHECK(result.worst().value_or(Severity::debug) < Severity::warning);
  }
}

TEST_CASE("any prefix and any flipped byte of a tar end in a result that repeats", "[tar]") {
  const std::string bytes = tar_of({{"a.txt", k_text}, {.name = "l", .type = '2', .link = "a.txt"}});
  check_ladder(std::as_bytes(std::span(bytes)), "x.tar");
}
