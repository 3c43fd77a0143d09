/// @file
/// All members of a compressed file as one stream, as Python's readers give it: a payload may be cut between members.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "io/codecs_heads.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit::formats::compression {

/// What decoding found out about the file.
struct Ending {
  std::uint64_t position = 0;  ///< how far the input was read
  std::uint64_t output = 0;
  std::uint64_t members = 0;   ///< finished ones
  bool reached = false;        ///< every member was read; what follows `position` is no member
  std::optional<Failure> failure;
  std::vector<std::uint64_t> starts;      ///< of the first members
  std::vector<ByteRange> skipped_frames;  ///< content of the first skippable frames: it can be anything
};

inline constexpr std::size_t k_members_noted = 64;

/// Decodes member after member. `best` receives the ending of whichever reader came furthest.
class Members final : public ByteSource {
 public:
  Members(std::unique_ptr<ForwardReader> in, const io::Wrapper& wrapper, Ending& best);
  ~Members() override;
  std::size_t read(std::span<std::byte> into) override;

 private:
  bool open_next();
  void skip_zeros();
  void note();

  std::unique_ptr<ForwardReader> in_;
  io::Wrapper wrapper_;
  Ending& best_;
  Ending ending_;
  std::unique_ptr<io::Decoder> decoder_;
};

}  // namespace modelaudit::formats::compression
