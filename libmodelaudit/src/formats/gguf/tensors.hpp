/// @file
/// The tensors of a GGUF file, judged: dimensions, types, and where their data lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/blocks.hpp"
#include "formats/gguf/layout.hpp"
#include "modelaudit/scanner.hpp"
#include "wire/names/name_set.hpp"

namespace modelaudit::formats {

class GgufTensors {
 public:
  explicit GgufTensors(ScanContext& context) : context_(context), names_(context.budget()), charge_(context.budget()) {}

  void on_tensor(const gguf_layout::TensorInfo& tensor);
  std::uint64_t count() const noexcept { return count_; }
  /// After all descriptions: where the data lie. `infos_end` is behind the last description, absolute.
  void judge_data(std::uint64_t infos_end, std::uint64_t alignment);

 private:
  /// A tensor whose place is known.
  struct Placed {
    std::uint64_t offset = 0;            // from the start of the data
    std::uint64_t bytes = 0;             // when `sized`
    std::uint64_t info_offset = 0;
    bool sized = false;
    bool bytewise = false;
  };

  /// Where the walk over the data stands.
  struct Walk {
    std::uint64_t end = 0;   // of the tensors so far, from the start of the data; may lie beyond the file
    bool cut = false;        // a tensor reached beyond the file
    bool consistent = true;  // every tensor so far stood where a writer puts it
  };

  void judge_name(const gguf_layout::TensorInfo& tensor);
  std::optional<std::uint64_t> judge_size(const gguf_layout::TensorInfo& tensor);
  void judge_type(const gguf_layout::TensorInfo& tensor, gguf_layout::TypeState state);
  void keep(const Placed& placed);
  /// Reports and covers bytes that no tensor owns, [begin, end) from the start of the data.
  void examine_slack(std::uint64_t begin, std::uint64_t end, const Rule& rule, const char* message);
  void judge_trailing(std::uint64_t begin);
  void judge_place(const Placed& tensor, Walk& walk, std::uint64_t alignment);
  void report_outside(const Placed& tensor, bool in_order);
  void declare(std::uint64_t begin, std::uint64_t end);
  void look_at_starts();
  void report(const Rule& rule, const char* message, const Placed& tensor, Details evidence);

  ScanContext& context_;
  wire::NameSet names_;
  MemoryCharge charge_;
  std::vector<Placed> placed_;
  std::uint64_t count_ = 0;
  std::uint64_t unsized_ = 0;
  std::uint64_t slacks_ = 0;
  std::uint64_t data_begin_ = 0;
  std::uint64_t data_size_ = 0;
};

}  // namespace modelaudit::formats
