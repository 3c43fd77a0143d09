// SHA-256 with the SHA extensions of x86 (Intel's "Intel SHA Extensions", 2013). Two registers hold the state as
// ABEF and CDGH; sha256rnds2 does two rounds, sha256msg1 and sha256msg2 make four words of the message schedule.
#include "io/sha256_blocks.hpp"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>
#include <immintrin.h>

namespace modelaudit::io {
namespace {

constexpr std::size_t k_block = 64;

__attribute__((target("sha,sse4.1,ssse3"))) __m128i load(const void* from) noexcept {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}

__attribute__((target("sha,sse4.1,ssse3"))) void blocks_with_sha(Sha256State& state,
                                                                 std::span<const std::byte> blocks) noexcept {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i dcba = load(&state[0]);
  const __m128i hgfe = load(&state[4]);
  const __m128i cdab = _mm_shuffle_epi32(dcba, 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1B);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);

  for (; !blocks.empty(); blocks = blocks.subspan(k_block)) {
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    __m128i w[4];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) w[i] = _mm_shuffle_epi8(load(blocks.subspan(16 * i, 16).data()), big_endian);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) {
      if (i >= 4) {
        const __m128i w7 = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
        const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), w7);
        w[i % 4] = _mm_sha256msg2_epu32(partial, w[(i + 3) % 4]);
      }
      const __m128i rounds = _mm_add_epi32(w[i % 4], load(&k_sha256_rounds[4 * i]));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, rounds);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(rounds, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }

  const __m128i feba = _mm_shuffle_epi32(abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xB1);
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(&state[0])), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(&state[4])), _mm_alignr_epi8(dchg, feba, 8));
}

/// SHA (leaf 7, EBX bit 29) with SSSE3 and SSE4.1 (leaf 1, ECX bits 9 and 19). These registers need no support of the
/// operating system beyond SSE.
bool has_sha() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & (1u << 9)) == 0 || (c & (1u << 19)) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1u << 29)) != 0;
}

}  // namespace

Sha256Blocks sha256_blocks_accelerated() noexcept { return has_sha() ? blocks_with_sha : nullptr; }

}  // namespace modelaudit::io

#else

namespace modelaudit::io {

Sha256Blocks sha256_blocks_accelerated() noexcept { return nullptr; }

}  // namespace modelaudit::io

#endif
