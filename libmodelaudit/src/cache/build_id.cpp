#include "cache/build_id.hpp"

#include <elf.h>
#include <link.h>
#include <sys/stat.h>

#include <bit>
#include <span>

#include "cache/hex.hpp"
#include "io/sha256.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::cache {
namespace {

/// The descriptor of the note NT_GNU_BUILD_ID in a note segment; empty when there is none.
/// Each note (elf(5), Elf64_Nhdr): u32 name size, u32 descriptor size, u32 type, name and descriptor, both padded to 4.
ByteView find_build_id(ByteView notes) {
  const auto padded = [](std::uint64_t n) { return (n + 3) / 4 * 4; };
  while (notes.size() >= 12) {
    const bool little = std::endian::native == std::endian::little;
    const auto field = [&](std::uint64_t at) {
      return static_cast<std::uint64_t>(little ? *notes.le<std::uint32_t>(at) : *notes.be<std::uint32_t>(at));
    };
    const std::uint64_t name_size = field(0);
    const std::uint64_t size = field(4);
    if (field(8) == NT_GNU_BUILD_ID && notes.has(12, std::string_view("GNU\0", 4))) {
      return notes.clip(12 + padded(name_size), size);
    }
    notes = notes.from(12 + padded(name_size) + padded(size));
  }
  return {};
}

struct Search {
  std::uintptr_t inside;  ///< an address in the module that is looked for
  std::string found;
};

std::string identity_of_object(const char* path) {
  struct stat info{};
  if (stat(*path != '\0' ? path : "/proc/self/exe", &info) != 0) return {};
  const Digest digest = io::FieldHasher("modelaudit object file")
                            .number(std::int64_t{info.st_size})
                            .number(std::int64_t{info.st_mtim.tv_sec})
                            .number(std::int64_t{info.st_mtim.tv_nsec})
                            .finish();
  return to_hex(digest);
}

int visit(dl_phdr_info* info, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  const std::span<const ElfW(Phdr)> segments(info->dlpi_phdr, info->dlpi_phnum);
  bool ours = false;
  for (const auto& segment : segments) {
    const std::uintptr_t start = info->dlpi_addr + segment.p_vaddr;
    ours = ours || (segment.p_type == PT_LOAD && search.inside >= start && search.inside - start < segment.p_memsz);
  }
  if (!ours) return 0;
  for (const auto& segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    // Our own image, as the loader mapped it.
    const auto* start = reinterpret_cast<const std::byte*>(info->dlpi_addr + segment.p_vaddr);
    const ByteView id = find_build_id(ByteView(std::span(start, segment.p_memsz)));
    if (!id.empty()) search.found = to_hex(id);
  }
  if (search.found.empty()) search.found = identity_of_object(info->dlpi_name);
  return 1;
}

std::string find() {
  static const char anchor = 0;
  Search search{reinterpret_cast<std::uintptr_t>(&anchor), {}};
  dl_iterate_phdr(visit, &search);
  return search.found;
}

}  // namespace

const std::string& build_id() {
  static const std::string id = find();
  return id;
}

}  // namespace modelaudit::cache
