#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "support/scan.hpp"
#include "support/tar_builder.hpp"
#include "support/zip_builder.hpp"

using namespace modelaudit;
using namespace modelaudit::test;

namespace {

std::string text(std::string_view s) { return "X" + le(static_cast<std::uint32_t>(s.size())) + std::string(s); }
std::string number(std::int64_t n) { return std::string("\x8a\x08") + le(n); }
std::string tuple(const std::vector<std::int64_t>& items) {
  std::string out = "(";
  for (const auto item : items) out += number(item);
  return out + "t";
}

struct Tensor {
  std::string key = "0";
  std::int64_t elements = 4;
  std::int64_t offset = 0;
  std::vector<std::int64_t> size = {2, 2};
  std::vector<std::int64_t> stride = {2, 1};
  std::string type = "FloatStorage";
  std::string view = "";  ///< legacy: opcodes of the sixth item
};

std::string opcodes(const Tensor& t) {
  const std::string id = "(" + text("storage") + "ctorch\n" + t.type + "\n" + text(t.key) + text("cpu") + number(t.elements) + t.view + "tQ";
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + id + number(t.offset) + tuple(t.size) + tuple(t.stride) + "\x89" +
         "ccollections\nOrderedDict\n)RtR";
}

std::string object(const Tensor& t) { return "\x80\x02}" + text("w") + opcodes(t) + "s."; }

std::string torch_zip(const std::string& pickle, const std::vector<ZipMember>& more = {}, const std::string& storage = std::string(16, '\0')) {
  ZipBuilder builder;
  builder.add({.name = "m/data.pkl", .data = pickle, .streamed = true});
  builder.add({.name = "m/byteorder", .data = "little", .streamed = true});
  builder.add({.name = "m/data/0", .data = storage, .streamed = true});
  builder.add({.name = "m/version", .data = "3\n", .streamed = true});
  for (const ZipMember& member : more) builder.add(member);
  return builder.finish();
}

const std::string k_magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15);

std::string legacy(const std::string& object_pickle, const std::string& storages, const std::string& keys = std::string("\x80\x02]") + text("0") + "a.",
                   const std::string& system = std::string("\x80\x02}") + text("little_endian") + "\x88s.") {
  return k_magic + "\x80\x02M\xe9\x03." + system + object_pickle + keys + storages;
}

void check_clean(const ScanResult& result) {
  INFO(describe(result));
  CHECK(result.verdict() == Verdict::clean);
}

std::string evil() { return std::string("\x80\x02") + "cposix\nsystem\n" + text("true") + "\x85R."; }

}  // namespace

TEST_CASE("a checkpoint whose tensors fit their storages is clean", "[pytorch]") {
  check_clean(scan(torch_zip(object({})), "model.pt"));
  check_clean(scan(torch_zip(object({})), "model.bin"));
  check_clean(scan(torch_zip(object({.offset = 3, .size = {1}, .stride = {1}})), "model.pt"));
  check_clean(scan(torch_zip(object({.size = {4, 4}, .stride = {0, 1}})), "model.pt"));  // expanded
  check_clean(scan(torch_zip(object({.size = {}, .stride = {}})), "model.pt"));          // scalar
  check_clean(scan(torch_zip(object({.size = {0, 9}, .stride = {9, 1}})), "model.pt"));  // empty
}

TEST_CASE("tensors outside of their storage are critical", "[pytorch]") {
  const auto judged = [](const Tensor& t) { return scan(torch_zip(object(t)), "model.pt"); };
  CHECK(has_rule(judged({.offset = 1}), "pytorch-tensor-bounds", Severity::critical));
  CHECK(has_rule(judged({.size = {3, 2}}), "pytorch-tensor-bounds"));
  CHECK(has_rule(judged({.stride = {-2, 1}}), "pytorch-tensor-bounds"));
  CHECK(has_rule(judged({.size = {-1, 2}}), "pytorch-tensor-bounds"));
  CHECK(has_rule(judged({.offset = -4}), "pytorch-tensor-bounds"));
  CHECK(has_rule(judged({.size = {std::int64_t{1} << 40, 2}, .stride = {std::int64_t{1} << 40, 1}}), "pytorch-tensor-bounds"));
  CHECK(has_rule(judged({.elements = -1}), "pytorch-tensor-bounds"));
}

TEST_CASE("storages that are missing, short or named by a path are named", "[pytorch]") {
  CHECK(has_rule(scan(torch_zip(object({.key = "7"})), "model.pt"), "pytorch-storage-missing"));
  CHECK(has_rule(scan(torch_zip(object({}), {}, "short"), "model.pt"), "pytorch-storage-size"));
  CHECK(has_rule(scan(torch_zip(object({.key = "../../etc/passwd"})), "model.pt"), "pytorch-storage-key"));
  check_clean(scan(torch_zip(object({.key = "0", .elements = 0, .size = {0}, .stride = {1}}), {}, ""), "model.pt"));
}

TEST_CASE("element sizes follow the storage's class", "[pytorch]") {
  const Tensor halves{.elements = 8, .size = {8}, .stride = {1}, .type = "HalfStorage"};
  check_clean(scan(torch_zip(object(halves)), "model.pt"));
  const Tensor doubles{.elements = 8, .size = {8}, .stride = {1}, .type = "DoubleStorage"};
  CHECK(has_rule(scan(torch_zip(object(doubles)), "model.pt"), "pytorch-storage-size"));
}

TEST_CASE("items written into a tensor are critical", "[pytorch]") {
  const std::string pickle = "\x80\x02" + opcodes({}) + "K\x01K\x02s.";
  CHECK(has_rule(scan(torch_zip(pickle), "model.pt"), "pytorch-item-write", Severity::critical));
}

TEST_CASE("an imported call is found wherever the archive holds it", "[pytorch]") {
  const auto critical = [](const ScanResult& result) {
    INFO(describe(result));
    CHECK(result.verdict() == Verdict::malicious);
  };
  critical(scan(torch_zip(evil()), "model.pt"));
  critical(scan(torch_zip(object({}), {{"m/constants.pkl", evil()}}), "model.pt"));
  critical(scan(torch_zip(object({}), {{"m/data/1", evil()}}), "model.pt"));
  critical(scan(torch_zip(object({}), {{"m/extra/readme.txt", evil()}}), "model.pt"));
  critical(scan(torch_zip(object({}), {{"m/data.pkl2", evil()}}), "model.pt"));
  critical(scan(torch_zip(object({})) + evil(), "model.pt"));
  critical(scan(torch_zip(object({}), {{"m/inner.bin", torch_zip(evil())}}), "model.pt"));
  critical(scan(torch_zip(object({}), {{.name = "m/more.pkl", .data = evil(), .crc = 1, .listed = false}}), "model.pt"));
}

TEST_CASE("weights that happen to begin like something are weights", "[pytorch]") {
  for (const std::string& start : {std::string("MZ"), std::string("\x80\x02"), std::string("\x80\x04\x95"), std::string("#!"), std::string("\x1F\x8B"),
                                   std::string("cos\x01"), std::string("(\x00S\x00", 4)}) {
    std::string storage = start;
    for (int i = 0; storage.size() < 4096; ++i) storage.push_back(static_cast<char>(i * 131 + (i >> 3) * 17));
    check_clean(scan(torch_zip(object({.elements = 1024, .size = {1024}, .stride = {1}}), {}, storage), "model.pt"));
  }
}

TEST_CASE("a legacy file is five pickles and its storages", "[pytorch]") {
  const std::string data = le<std::int64_t>(4) + std::string(16, '\1');
  check_clean(scan(legacy(object({.view = "N"}), data), "model.pt"));
  check_clean(scan(legacy(object({.view = "N"}), data + std::string(64, '\0')), "model.pt"));
  CHECK(scan(legacy(evil(), data), "model.pt").verdict() == Verdict::malicious);
  CHECK(has_rule(scan(legacy(object({}), data, evil()), "model.pt"), "pytorch-legacy-global", Severity::critical));
  const std::string system = std::string("\x80\x02}") + text("little_endian") + "cbuiltins\nset\n)Rs.";
  CHECK(has_rule(scan(legacy(object({}), data, std::string("\x80\x02]") + text("0") + "a.", system), "model.pt"), "pytorch-legacy-global"));
  CHECK(has_rule(scan(legacy(object({}), le<std::int64_t>(9) + std::string(16, '\1')), "model.pt"), "pytorch-legacy-layout"));
  CHECK(scan(legacy(object({}), data + evil()), "model.pt").verdict() == Verdict::malicious);
  CHECK_FALSE(scan(legacy(object({}), le<std::int64_t>(4) + "short"), "model.pt").complete());
  CHECK_FALSE(scan(legacy(object({}), ""), "model.pt").complete());
}

TEST_CASE("a legacy file may count in longs of four bytes and in the other byte order", "[pytorch]") {
  const std::string system = std::string("\x80\x02}") + text("type_sizes") + "}" + text("long") + "K\x04ss.";
  const std::string keys = std::string("\x80\x02]") + text("0") + "a.";
  check_clean(scan(legacy(object({}), le<std::int32_t>(4) + std::string(16, '\1'), keys, system), "model.pt"));
  check_clean(scan(legacy(object({}), std::string("\0\0\0\0\0\0\0\4", 8) + std::string(16, '\1')), "model.pt"));
}

TEST_CASE("the tar layout is walked pickle by pickle", "[pytorch]") {
  const std::string none = std::string("\x80\x02K\0.", 5);
  const std::string storage = std::string("\x80\x02K\x01.") + "\x80\x02" + text("0") + text("cpu") + "ctorch\nFloatStorage\n\x87." + le<std::int64_t>(4) +
                              std::string(16, '\1') + "\x80\x02].";
  const auto file = [&](const std::string& pickle, const std::string& storages, const std::string& tensors) {
    return tar_of({{"sys_info", std::string("\x80\x02}.")}, {"pickle", pickle}, {"storages", storages}, {"tensors", tensors}});
  };
  check_clean(scan(file("\x80\x02}.", storage, none), "model.pt"));
  CHECK(scan(file(evil(), storage, none), "model.pt").verdict() == Verdict::malicious);
  CHECK(scan(file("\x80\x02}.", evil(), none), "model.pt").verdict() == Verdict::malicious);
  CHECK(scan(file("\x80\x02}.", storage, evil()), "model.pt").verdict() == Verdict::malicious);
  CHECK(scan(file("\x80\x02}.", storage + evil(), none), "model.pt").verdict() == Verdict::malicious);
}

TEST_CASE("any prefix and any flipped byte of a checkpoint end in a result that repeats", "[pytorch]") {
  const std::string archive = torch_zip(object({}));
  check_ladder(std::as_bytes(std::span(archive)), "model.pt");
  const std::string old = legacy(object({}), le<std::int64_t>(4) + std::string(16, '\1'));
  check_ladder(std::as_bytes(std::span(old)), "model.pt");
}
