/// @file
/// Values without identity, made from operands.
#pragma once

#include "wire/pickle/impl.hpp"

namespace modelaudit::wire::pickle {

inline constexpr Value k_none = make(Tag::none, 0);
inline constexpr Value k_real = make(Tag::real, 0);
inline constexpr Value k_big = make(Tag::big, 0);

constexpr Value make_bool(bool b) noexcept { return make(Tag::boolean, b ? 1 : 0); }

constexpr Value make_integer(std::int64_t n) noexcept {
  constexpr std::int64_t k_limit = std::int64_t{1} << 59;
  if (n >= k_limit || n < -k_limit) return k_big;
  return make(Tag::integer, static_cast<std::uint64_t>(n) & (~std::uint64_t{0} >> 4));
}

/// Two's complement, little-endian, of any length.
Value make_long(ByteView data, std::uint64_t size) noexcept;

/// Without the blanks that C and Python pass over around a number.
std::string_view trim(std::string_view text) noexcept;

}  // namespace modelaudit::wire::pickle
