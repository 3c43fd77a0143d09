/// @file
/// `Result<T>`: a value, or a Failure that the caller handles next. The member names are those of `std::expected`.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "modelaudit/export.hpp"

namespace modelaudit {

/// What went wrong, as a stable number: it reaches JSON and the cache and is never renumbered.
enum class Errc : std::uint8_t {
  truncated = 1,    ///< the data ends inside a declared object
  malformed = 2,    ///< the bytes break the format's grammar
  unsupported = 3,  ///< legal, but not something this version reads
  limit = 4,        ///< a budget is used up
  not_found = 5,    ///< the path or entry does not exist
  io_error = 6,     ///< the operating system refused
  changed = 7,      ///< the file changed while it was read
  cancelled = 8,    ///< the caller asked to stop
  timed_out = 9,    ///< the time limit passed
  absent = 10,      ///< a look-up found nothing (cache miss, no match)
  refused = 11,     ///< not allowed: foreign folder, wrong owner, failed authentication
};

/// A failure as a plain value: no allocation, no ownership, cheap to return by value.
struct Failure {
  Errc code = Errc::malformed;
  std::uint64_t offset = 0;   ///< absolute, from the start of the input
  const char* what = "";      ///< a literal, lower case, that names format and cause
};

/// Short English name of an error code, such as "truncated".
MODELAUDIT_EXPORT const char* to_string(Errc code) noexcept;

/// A value or a Failure.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}        // NOLINT: conversions are the point
  Result(Failure failure) : state_(std::in_place_index<1>, failure) {}         // NOLINT

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Failure& error() const { return std::get<1>(state_); }

  template <typename U>
  T value_or(U&& other) const& {
    return has_value() ? value() : static_cast<T>(std::forward<U>(other));
  }

 private:
  std::variant<T, Failure> state_;
};

/// Success without a value, or a Failure.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Failure failure) : failure_(failure) {}  // NOLINT

  bool has_value() const noexcept { return !failure_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  const Failure& error() const { return *failure_; }

 private:
  std::optional<Failure> failure_;
};

}  // namespace modelaudit
