#include <catch2/catch.hpp>

#include <string>

#include "support/cases.hpp"
#include "support/scan.hpp"
#include "support/zip_builder.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

const std::string k_text = "Plain words, of no interest to anybody.";
/// An ELF header: content that is judged critical or suspicious wherever a loader could meet it.
std::string elf() {
  std::string header("\x7F" "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3E\0\x01\0\0\0", 24);
  header += std::string(16, '\0') + std::string(8, '\0') + le<std::uint32_t>(0) + le<std::uint16_t>(64) + le<std::uint16_t>(56);
  return header + std::string(200, '\0');
}

bool is_clean(const ScanResult& result) {
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
  return result.verdict() == Verdict::clean;
}

}  // namespace

TEST_CASE("golden archives", "[zip]") { run_cases(MODELAUDIT_TEST_DIR "/cases"); }

TEST_CASE("ordinary archives are clean", "[zip]") {
  is_clean(scan(zip_of({{"readme.txt", k_text}, {"docs/", ""}, {"docs/a..b.txt", k_text}}), "x.zip"));
  is_clean(scan(ZipBuilder().add({.name = "a.txt", .data = k_text, .streamed = true}).finish(), "x.zip"));
  is_clean(scan(ZipBuilder().add({"a.txt", k_text}).finish("0123456789abcdef0123456789abcdef01234567"), "x.zip"));
  ZipBuilder padded;
  padded.add({"a.txt", k_text});
  padded.bytes += std::string(4096, '\0');  // zipalign
  is_clean(scan(padded.add({"b.txt", k_text}).finish(), "x.zip"));
}

TEST_CASE("headers that disagree are named, and both readings scanned", "[zip]") {
  const auto one = [](ZipMember member) { return scan(zip_of({std::move(member)}), "x.zip"); };
  CHECK(has_rule(one({.name = "a.txt", .data = k_text, .local_name = "b.txt"}), "zip-name-mismatch", Severity::warning));
  CHECK(has_rule(one({.name = "a.txt", .data = k_text, .local_name = "a.pkl"}), "zip-name-mismatch", Severity::critical));
  CHECK(has_rule(one({.name = "a.txt", .data = k_text, .local_method = std::uint16_t{8}}), "zip-method-mismatch"));
  CHECK(has_rule(one({.name = "a.txt", .data = k_text, .local_flags = std::uint16_t{1}}), "zip-flag-mismatch"));
  CHECK(has_rule(one({.name = "a.txt", .data = k_text, .local_compressed = 4}), "zip-size-mismatch"));
  CHECK(has_rule(one({.name = "a.txt", .data = k_text, .crc = 1}), "zip-crc", Severity::info));
  CHECK(has_rule(one({.name = "a.txt", .data = k_text, .flags = 1}), "zip-flag-mismatch"));
  CHECK(has_rule(one({.name = "a.txt/", .data = k_text}), "zip-dir-with-data"));
}

TEST_CASE("a deflated member is decoded to its own end whatever the headers say", "[zip]") {
  const std::string body = k_text + k_text + k_text;
  const auto honest = scan(zip_of({{.name = "a.txt", .data = deflated(body), .method = 8, .crc = crc32_of(body),
                                    .plain = static_cast<std::uint32_t>(body.size())}}), "x.zip");
  is_clean(honest);
  const auto short_size = scan(zip_of({{.name = "a.txt", .data = deflated(body), .method = 8, .crc = crc32_of(body), .plain = 4}}), "x.zip");
  CHECK(has_rule(short_size, "zip-size-mismatch", Severity::warning));
}

TEST_CASE("encrypted members are gaps", "[zip]") {
  std::string noise;
  for (int i = 0; i < 60; ++i) noise.push_back(static_cast<char>(i * 37 + 200));
  const auto result = scan(zip_of({{.name = "a.pkl", .data = noise, .flags = 1, .crc = 7, .plain = 48}}), "x.zip");
  CHECK(has_rule(result, "zip-encrypted", Severity::warning));
  REQUIRE_FALSE(result.complete());
}

TEST_CASE("methods that are not read are gaps", "[zip]") {
  for (const std::uint16_t method : {std::uint16_t{9}, std::uint16_t{98}, std::uint16_t{77}}) {
    CHECK_FALSE(scan(zip_of({{.name = "a.txt", .data = k_text, .method = method}}), "x.zip").complete());
  }
}

TEST_CASE("names that leave the archive's root are critical", "[zip]") {
  CHECK(has_rule(scan(zip_of({{"../../x", k_text}}), "x.zip"), "path-traversal", Severity::critical));
  CHECK(has_rule(scan(zip_of({{.name = "ok.txt", .data = k_text, .local_name = "../../x"}}), "x.zip"), "path-traversal"));
  const std::string unicode = le<std::uint16_t>(0x7075) + le<std::uint16_t>(5 + 7) + std::string(1, '\1') + le(crc32_of("a.txt")) + "../evil";
  const auto renamed = scan(zip_of({{.name = "a.txt", .data = k_text, .extra = unicode}}), "x.zip");
  CHECK(has_rule(renamed, "path-traversal"));
  CHECK(has_rule(renamed, "zip-unicode-path"));
}

TEST_CASE("links are followed by name, not by opening them", "[zip]") {
  const std::uint32_t link = 0120777u << 16;
  CHECK(has_rule(scan(zip_of({{.name = "l", .data = "/etc/passwd", .attributes = link}}), "x.zip"), "link-escape") );
  CHECK(has_rule(scan(zip_of({{.name = "l", .data = "../..", .attributes = link}, {"l/x", k_text}}), "x.zip"), "link-write-through"));
  is_clean(scan(zip_of({{.name = "latest", .data = "ckpt-5", .attributes = link}, {"ckpt-5", k_text}}), "x.zip"));
  CHECK(has_rule(scan(zip_of({{.name = "l", .data = "/etc/passwd", .attributes = link, .made_by = 20}}), "x.zip"), "zip-symlink-host"));
}

TEST_CASE("duplicates: harmless, suspicious, and those a loader looks up", "[zip]") {
  CHECK(has_rule(scan(zip_of({{"a", k_text}, {"a", k_text}}), "x.zip"), "zip-duplicate", Severity::info));
  CHECK(has_rule(scan(zip_of({{"a", k_text}, {"A", "other"}}), "x.zip"), "zip-duplicate", Severity::warning));
  CHECK(has_rule(scan(zip_of({{"m/config.json", "{}"}, {"m/config.json", "[]"}}), "x.zip"), "zip-duplicate", Severity::critical));
  is_clean(scan(zip_of({{"d/", ""}, {"d/", ""}}), "x.zip"));
}

TEST_CASE("what the directory does not list is found and said", "[zip]") {
  ZipBuilder builder;
  builder.add({"a.txt", k_text}).add({.name = "b.txt", .data = k_text, .crc = 3, .listed = false});
  CHECK(has_rule(scan(builder.finish(), "x.zip"), "zip-hidden-entry", Severity::warning));

  const std::string first = zip_of({{"a.txt", k_text}});
  CHECK(has_rule(scan(first + zip_of({{"b.txt", k_text}}), "x.zip"), "zip-multi-eocd"));
  CHECK(has_rule(scan(first + "trailing bytes that are no padding", "x.zip"), "zip-suffix"));
  is_clean(scan(first + std::string(100, '\0'), "x.zip"));
  CHECK(has_rule(scan("leading bytes, thirty of them." + first, "model.pt"), "zip-prefix", Severity::warning));
  CHECK(has_rule(scan(ZipBuilder().add({"a.txt", k_text}).finish(elf()), "x.zip"), "zip-comment-binary"));
  CHECK(has_rule(scan(ZipBuilder().add({"a.txt", k_text}).finish("", std::uint16_t{5}), "x.zip"), "zip-count-mismatch"));
}

TEST_CASE("an executable is found in every place of an archive", "[zip]") {
  const auto warns = [](const ScanResult& result) {
    INFO(describe(result));
    CHECK(result.worst() >= Severity::warning);
  };
  warns(scan(zip_of({{"notes.txt", elf()}}), "x.zip"));
  warns(scan(zip_of({{"folder/", elf()}}), "x.zip"));
  warns(scan(zip_of({{.name = "a", .data = deflated(elf()), .method = 8, .crc = 0}}), "x.zip"));
  ZipBuilder between;
  between.add({"a.txt", k_text});
  between.bytes += elf();
  warns(scan(between.add({"b.txt", k_text}).finish(), "x.zip"));
  warns(scan(zip_of({{"a.txt", k_text}}) + elf(), "x.zip"));
  warns(scan(zip_of({{.name = "a", .data = deflated(k_text) + elf(), .method = 8, .crc = crc32_of(k_text),
                      .plain = static_cast<std::uint32_t>(k_text.size())}}), "x.zip"));
}

TEST_CASE("members that share bytes are critical", "[zip]") {
  ZipBuilder builder;
  builder.add({"a", k_text});
  ZipBuilder again;
  again.add({"b", k_text});
  builder.directory += again.directory;
  builder.count = 2;
  CHECK(has_rule(scan(builder.finish(), "x.zip"), "zip-overlap", Severity::critical));
}

TEST_CASE("a truncated archive is inconclusive, not dangerous", "[zip]") {
  const std::string whole = zip_of({{"a.txt", k_text}, {"b.txt", k_text}});
  for (std::size_t n = 31; n < whole.size(); ++n) {
    const auto result = scan(whole.substr(0, n), "model.pt");
    INFO(n << "\n" << describe(result));
    CHECK_FALSE(result.complete());
    CHECK(result.worst().value_or(Severity::debug) < Severity::warning);
  }
}

TEST_CASE("missing members are gaps", "[zip]") {
  const auto result = scan(zip_of({{"a.txt", k_text}, {.name = "b.txt", .data = k_text, .present = false}}), "x.zip");
  CHECK_FALSE(result.complete());
}

TEST_CASE("sizes from 2^31 on and one volume of many are gaps", "[zip]") {
  for (const std::uint32_t size : {0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFEu}) {
    CHECK_FALSE(scan(zip_of({{.name = "a.txt", .data = k_text, .compressed = size}}), "x.zip").complete());
  }
  std::string volume = zip_of({{"a.txt", k_text}});
  volume[volume.size() - 18] = 3;
  CHECK_FALSE(scan(volume, "x.zip").complete());
}

TEST_CASE("an empty archive is nothing to load", "[zip]") {
  CHECK_FALSE(scan(ZipBuilder().finish(), "model.pt").complete());
  is_clean(scan(zip_of({{"empty.zip", ZipBuilder().finish()}}), "x.zip"));
}

TEST_CASE("archives in archives end at the depth limit", "[zip]") {
  std::string nested = zip_of({{"a.txt", k_text}});
  for (int i = 0; i < 40; ++i) nested = zip_of({{"inner.zip", nested}});
  const auto result = scan(nested, "x.zip");
  CHECK_FALSE(result.complete());
}

TEST_CASE("20,000 members are read in one pass", "[zip]") {
  ZipBuilder builder;
  for (int i = 0; i < 20000; ++i) builder.add({"f" + std::to_string(i), i % 100 == 0 ? k_text : ""});
  is_clean(scan(builder.finish(), "x.zip"));
}

TEST_CASE("any prefix and any flipped byte end in a result that repeats", "[zip]") {
  const std::string bytes = ZipBuilder().add({.name = "a.txt", .data = deflated(k_text), .method = 8, .crc = crc32_of(k_text),
                                              .plain = static_cast<std::uint32_t>(k_text.size()), .streamed = true})
                                .add({"b", "beta"}).finish("comment");
  check_ladder(std::as_bytes(std::span(bytes)), "x.zip");
}
