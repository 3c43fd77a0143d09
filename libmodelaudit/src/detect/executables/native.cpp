#include <algorithm>
#include <array>
#include <string_view>

#include "detect/executables.hpp"
#include "detect/paths.hpp"
#include "detect/paths/places.hpp"
#include "detect/paths/unicode.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect {

namespace {

using namespace std::string_view_literals;

template <typename T, std::size_t N>
bool one_of(T value, const std::array<T, N>& known) {
  return std::find(known.begin(), known.end(), value) != known.end();
}

// Processors that programs exist for. PE: "PE Format", Machine Types. ELF: System V gABI, e_machine. Mach-O: mach/machine.h.
constexpr std::array<std::uint16_t, 14> k_pe_machines{0x014C, 0x0166, 0x01A2, 0x01C0, 0x01C2, 0x01C4, 0x0200,
                                                      0x0EBC, 0x5032, 0x5064, 0x6264, 0x8664, 0xA641, 0xAA64};
constexpr std::array<std::uint16_t, 20> k_elf_machines{2,  3,  4,   7,   8,   18,  20,  21,  22,  40,
                                                       42, 43, 50,  62,  83,  183, 190, 224, 243, 258};
constexpr std::array<std::uint32_t, 8> k_macho_cpus{7, 0x01000007, 12, 0x0100000C, 0x0200000C, 18, 0x01000012, 10};

/// The PE header that e_lfanew (u32 at 0x3C) leads to.
bool is_pe(ByteView data) {
  const auto header = data.le<std::uint32_t>(0x3C);
  if (!header || *header < 0x40 || *header > 16u << 20) return false;
  const ByteView coff = data.from(*header);
  if (!coff.starts_with("PE\0\0"sv)) return false;
  const auto machine = coff.le<std::uint16_t>(4);
  const auto sections = coff.le<std::uint16_t>(6);
  const auto optional_magic = coff.le<std::uint16_t>(24);
  if (!machine || !sections || !optional_magic) return false;
  return one_of(*machine, k_pe_machines) && *sections >= 1 && *sections <= 96 &&
         (*optional_magic == 0x10B || *optional_magic == 0x20B);
}

/// The stub that every linker puts before the PE header: it is there even when the file is cut off before that.
bool has_dos_stub(ByteView data) {
  return data.first(0x200).text().find("program cannot be run in DOS mode"sv) != std::string_view::npos ||
         data.first(0x200).text().find("program must be run under Win"sv) != std::string_view::npos;
}

/// ELF identification (16 bytes): magic, class, data encoding, version, ABI.
bool has_elf_ident(ByteView data) {
  if (data.size() < 7 || !data.starts_with("\x7f" "ELF"sv)) return false;
  return (data[4] == 1 || data[4] == 2) && (data[5] == 1 || data[5] == 2) && data[6] == 1;
}

std::optional<ExecutableKind> elf_kind(ByteView data, bool at_start) {
  if (!has_elf_ident(data)) return std::nullopt;
  const bool wide = data[4] == 2;
  const bool big = data[5] == 2;
  const auto half = [&](std::uint64_t at) { return big ? data.be<std::uint16_t>(at) : data.le<std::uint16_t>(at); };
  const auto word = [&](std::uint64_t at) { return big ? data.be<std::uint32_t>(at) : data.le<std::uint32_t>(at); };
  const auto type = half(16);
  const auto machine = half(18);
  const auto version = word(20);
  const auto header_size = half(wide ? 52 : 40);
  const auto entry_size = half(wide ? 54 : 42);
  const bool whole = type && machine && version && header_size && entry_size && *type >= 1 && *type <= 4 &&
                     one_of(*machine, k_elf_machines) && *version == 1 && *header_size == (wide ? 64 : 52) &&
                     (*entry_size == 0 || *entry_size == (wide ? 56 : 32));
  if (whole && *machine == 190) return ExecutableKind::gpu_binary;  // EM_CUDA
  // At the start of an input the seven bytes of the identification are 2^-54 by chance: a damaged or cut header is
  // still an ELF file to whoever reads it.
  if (whole || at_start) return ExecutableKind::elf;
  return std::nullopt;
}

/// mach_header: magic, cputype, cpusubtype, filetype, ncmds, sizeofcmds, flags.
bool is_macho(ByteView data) {
  const bool big = data.starts_with("\xFE\xED\xFA\xCE"sv) || data.starts_with("\xFE\xED\xFA\xCF"sv);
  const bool little = data.starts_with("\xCE\xFA\xED\xFE"sv) || data.starts_with("\xCF\xFA\xED\xFE"sv);
  if (!big && !little) return false;
  const auto word = [&](std::uint64_t at) { return big ? data.be<std::uint32_t>(at) : data.le<std::uint32_t>(at); };
  const auto cpu = word(4);
  const auto file_type = word(12);
  const auto commands = word(16);
  const auto commands_size = word(20);
  return cpu && file_type && commands && commands_size && one_of(*cpu, k_macho_cpus) && *file_type >= 1 &&
         *file_type <= 12 && *commands >= 1 && *commands <= 4096 && *commands_size >= 8 * *commands &&
         *commands_size <= 16u << 20;
}

/// fat_header: magic, nfat_arch, then fat_arch {cputype, cpusubtype, offset, size, align}, big-endian. The magic is that
/// of a Java class, whose next four bytes are a version of 45 or more.
std::optional<ExecutableKind> cafebabe_kind(ByteView data) {
  const bool wide = data.starts_with("\xCA\xFE\xBA\xBF"sv);
  if (!wide && !data.starts_with("\xCA\xFE\xBA\xBE"sv)) return std::nullopt;
  const auto count = data.be<std::uint32_t>(4);
  if (!count) return std::nullopt;
  if (*count >= 1 && *count <= 30) {
    for (std::uint64_t i = 0; i < *count; ++i) {
      const std::uint64_t entry = 8 + i * (wide ? 32 : 20);
      const auto cpu = data.be<std::uint32_t>(entry);
      const auto align = data.be<std::uint32_t>(entry + (wide ? 24 : 16));
      if (!cpu || !align || !one_of(*cpu, k_macho_cpus) || *align > 30) return std::nullopt;
    }
    return ExecutableKind::macho_fat;
  }
  // class file: u2 minor, u2 major, u2 constant_pool_count, then entries with a tag of 1-20 (JVM specification 4.1).
  const auto major = data.be<std::uint16_t>(6);
  const auto minor = data.be<std::uint16_t>(4);
  const auto pool = data.be<std::uint16_t>(8);
  if (wide || !major || !minor || !pool || data.size() < 11) return std::nullopt;
  const bool version = *major >= 45 && *major <= 80 && (*minor <= 3 || *minor == 0xFFFF);
  if (version && *pool >= 5 && data[10] >= 1 && data[10] <= 20) return ExecutableKind::java_class;
  return std::nullopt;
}

/// dex header: "dex\n035\0", checksum, SHA-1, file_size, header_size 0x70, endian_tag.
bool is_dex(ByteView data) {
  if (!data.starts_with("dex\n0"sv) || data.size() < 8 || data[7] != 0) return false;
  const auto header_size = data.le<std::uint32_t>(36);
  const auto endian = data.le<std::uint32_t>(40);
  return header_size && endian && *header_size >= 0x70 && *header_size <= 0x100 && *endian == 0x12345678;
}

/// The magic is eight bytes; then a section: u8 id (0-13), LEB128 size, that many bytes (core specification, Modules).
bool is_wasm(ByteView data, bool at_start) {
  if (!data.starts_with("\0asm\1\0\0\0"sv)) return false;
  if (data.size() == 8) return at_start;
  std::uint64_t size = 0;
  std::uint64_t at = 9;
  for (int shift = 0; shift < 35; shift += 7, ++at) {
    if (at >= data.size()) return at_start;
    size |= static_cast<std::uint64_t>(data[at] & 0x7F) << shift;
    if ((data[at] & 0x80) == 0) break;
  }
  return data[8] <= 13 && size != 0 && size <= std::uint64_t{1} << 32;
}

/// Shell link header: size 0x4C, CLSID {00021401-0000-0000-C000-000000000046} ([MS-SHLLINK] 2.1).
bool is_lnk(ByteView data) {
  return data.starts_with("\x4C\0\0\0\x01\x14\x02\0\0\0\0\0\xC0\0\0\0\0\0\0\x46"sv);
}

/// pyc: u16 magic number of a CPython release, "\r\n", u32 flags (PEP 552), then date or hash, size, and a marshalled
/// code object ('c', with or without the reference bit). Before 3.7 there were no flags, before 3.3 no size.
bool is_pyc(ByteView data) {
  const auto magic = data.le<std::uint16_t>(0);
  if (!magic || !data.has(2, "\r\n"sv)) return false;
  const bool python3 = *magic >= 3000 && *magic <= 3999;
  const bool python2 = *magic >= 62011 && *magic <= 62211;
  if (!python3 && !python2) return false;
  const auto is_code = [&](std::uint64_t at) { return at < data.size() && (data[at] & 0x7F) == 'c'; };
  if (python2) return is_code(8);
  const auto flags = data.le<std::uint32_t>(4);
  return *magic >= 3390 ? flags && *flags <= 3 && is_code(16) : is_code(12);
}

/// CUDA fat binary: u32 magic 0xBA55ED50, u16 version 1, u16 header size 16, u64 size.
bool is_fatbin(ByteView data) {
  return data.starts_with("\x50\xED\x55\xBA\x01\0\x10\0"sv);
}

constexpr std::array<std::string_view, 15> k_native_extensions{".exe", ".dll", ".so",  ".dylib", ".pyd", ".scr", ".com", ".sys",
                                                               ".pif", ".cpl", ".ocx", ".node",  ".elf", ".msi", ".bundle"};

}  // namespace

std::string_view to_string(ExecutableKind kind) noexcept {
  switch (kind) {
    case ExecutableKind::pe: return "Windows PE";
    case ExecutableKind::elf: return "ELF";
    case ExecutableKind::macho: return "Mach-O";
    case ExecutableKind::macho_fat: return "universal Mach-O";
    case ExecutableKind::java_class: return "Java class";
    case ExecutableKind::dex: return "Android dex";
    case ExecutableKind::wasm: return "WebAssembly";
    case ExecutableKind::lnk: return "Windows shortcut";
    case ExecutableKind::pyc: return "compiled Python";
    case ExecutableKind::gpu_binary: return "CUDA binary";
  }
  return "executable";
}

const Rule& rule_for(ExecutableKind kind) noexcept {
  switch (kind) {
    case ExecutableKind::pe: return rules::embedded_pe;
    case ExecutableKind::elf: return rules::embedded_elf;
    case ExecutableKind::macho:
    case ExecutableKind::macho_fat: return rules::embedded_macho;
    case ExecutableKind::wasm: return rules::embedded_wasm;
    case ExecutableKind::java_class:
    case ExecutableKind::dex: return rules::embedded_jvm;
    case ExecutableKind::lnk: return rules::embedded_shortcut;
    case ExecutableKind::pyc: return rules::embedded_pyc;
    case ExecutableKind::gpu_binary: return rules::embedded_gpu_binary;
  }
  return rules::embedded_elf;
}

std::optional<ExecutableKind> identify_executable(ByteView data, bool at_start, bool named_executable) {
  if (data.size() < 4) return std::nullopt;
  switch (data[0]) {
    case 'M':
      if (data[1] != 'Z') break;
      if (is_pe(data) || (at_start && (named_executable || has_dos_stub(data)))) return ExecutableKind::pe;
      break;
    case 0x7F: return elf_kind(data, at_start);
    case 0xFE:
    case 0xCE:
    case 0xCF:
      if (is_macho(data)) return ExecutableKind::macho;
      break;
    case 0xCA: return cafebabe_kind(data);
    case 'd':
      if (is_dex(data)) return ExecutableKind::dex;
      break;
    case 0x00:
      if (is_wasm(data, at_start)) return ExecutableKind::wasm;
      break;
    case 0x4C:
      if (is_lnk(data)) return ExecutableKind::lnk;
      break;
    case 0x50:
      if (is_fatbin(data)) return ExecutableKind::gpu_binary;
      break;
    default: break;
  }
  // The magic of a pyc is short and its body has no fixed place: only where a file starts.
  if (at_start && is_pyc(data)) return ExecutableKind::pyc;
  return std::nullopt;
}

bool has_executable_name(std::string_view name) { return one_of<std::string_view>(lower_extension(name), k_native_extensions); }

}  // namespace modelaudit::detect
