#include "wire/zip/codec_of.hpp"

#include "wire/zip/records.hpp"

namespace modelaudit::wire::zip {

std::optional<io::Codec> codec_of(std::uint16_t method) noexcept {
  switch (method) {
    case k_deflated: return io::Codec::deflate_raw;
    case k_bzip2: return io::Codec::bzip2;
    case k_lzma: return io::Codec::zip_lzma;
    case k_zstd:
    case 20: return io::Codec::zstd;  // 20: the number zstd had first
    case k_xz: return io::Codec::xz;
    default: return std::nullopt;
  }
}

bool is_readable(std::uint16_t method) noexcept {
  return method == k_stored || codec_of(method).has_value();
}

}  // namespace modelaudit::wire::zip
