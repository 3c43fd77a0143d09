#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/file.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::cache {

// A trace says what a scan asked (its recipe: ranges, name suffixes, files beside it, patterns) and what it was told (its
// observations). A scan that asks the same and is told the same gives the same result.

/// What the content of the file itself is known by.
enum class Scope : std::uint8_t {
  ranges,   ///< the digest of the ranges that the scan read
  content,  ///< something outside of the trace: the digest of the whole
};

/// All that a trace asked and was told, in one digest. Not the file's size: it is part of the keys.
Digest observations_of(const Trace& trace, Scope scope);

/// Did both scans ask the same?
bool same_recipe(const Trace& a, const Trace& b, Scope scope);

/// Asks again what scans have asked, now of one file.
class Replay {
 public:
  /// `fd` is the open file, or negative where only its content is known and nothing else can be asked. `absolute` gives
  /// the name and the folder.
  Replay(int fd, std::filesystem::path absolute, Scope scope) : fd_(fd), absolute_(std::move(absolute)), scope_(scope) {}

  /// The recipe with what it is told now; its identity is the recipe's. Nothing when something cannot be asked or was
  /// there then and is not now, or the other way round.
  std::optional<Trace> observe(const Trace& recipe);
  /// Read of the file and of those beside it, so far.
  std::uint64_t bytes_hashed() const noexcept { return bytes_hashed_; }

 private:
  std::optional<Digest> digest_of(const std::vector<ByteRange>& ranges);
  bool observe_companion(Companion& companion);
  bool observe_listing(Listing& listing);
  const io::Descriptor& folder();

  int fd_;
  std::filesystem::path absolute_;
  Scope scope_;
  io::Descriptor folder_;
  std::uint64_t bytes_hashed_ = 0;
  /// Most recipes for files of one kind read the same ranges.
  std::vector<std::pair<std::vector<ByteRange>, Digest>> known_;
};

}  // namespace modelaudit::cache
