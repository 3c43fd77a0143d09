#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace modelaudit::engine {

/// How the shards of one kind of model are named: PREFIX lead number [-of-total] tail.
struct ShardPattern {
  std::string_view kind = {};
  std::string_view prefix = {}; ///< empty: any that is not empty
  std::string_view lead = {};
  bool has_total = true;        ///< "-of-" and the number of shards follow
  std::string_view tail = {};
  std::uint64_t first = 1;      ///< number of the first shard
  /// Tail of the index's name behind the prefix; empty: there is none.
  std::string_view index_tail = {};
  bool needs_index = false;     ///< without its index it cannot be loaded
  bool counts_only_with_index = false;  ///< without an index beside them such names are epochs, or anything
  bool opaque = false;          ///< raw bytes, of no format of their own
  bool may_have_gaps = false;   ///< the numbers are not known to be consecutive: nothing is ever missing
};

/// The table of all kinds.
std::span<const ShardPattern> shard_patterns() noexcept;

/// A file name that is a shard's.
struct ShardName {
  const ShardPattern* pattern = nullptr;
  std::string prefix;
  std::uint64_t number = 0;
  std::optional<std::uint64_t> total;
  std::size_t number_width = 0;  ///< digits, for the names of those that are missing
  std::size_t total_width = 0;

  /// The name with another number, or with `*` in its place.
  std::string with_number(std::uint64_t other) const;
  std::string with_star() const;
};

/// Nothing for a name that is no shard's.
std::optional<ShardName> parse_shard_name(std::string_view name);

/// Names under which the index of such shards may lie beside them, in the order in which loaders look.
std::vector<std::string> index_names(const ShardPattern& pattern, const std::string& prefix);

}  // namespace modelaudit::engine
