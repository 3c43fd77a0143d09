#pragma once

#include <set>
#include <string>
#include <string_view>

#include "engine/input.hpp"
#include "modelaudit/scanner.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::engine {

/// A probe over an Input. Reading failures look like the end of the data: a probe never throws.
class InputProbe final : public Probe {
 public:
  /// `questions` collects what is asked of the name; nullptr where the name is part of the content.
  InputProbe(Input& input, std::string_view name, std::string_view role, std::vector<NameQuestion>* questions);

  std::optional<std::uint64_t> size() const override { return input_.size(); }
  ByteView head() const override { return head_; }
  ByteView tail(std::uint64_t n) const override;
  ByteView bytes(std::uint64_t offset, std::uint64_t n) const override;
  bool name_ends_with(std::string_view suffix) const override;
  std::string_view role() const override { return role_; }
  bool is_stream() const override { return input_.is_stream(); }
  bool is_top_level() const override { return questions_ != nullptr; }

 private:
  Input& input_;
  std::string name_;
  std::string_view role_;
  std::vector<NameQuestion>* questions_;
  ByteView head_;
};

}  // namespace modelaudit::engine
