/// @file
/// What a GGUF file says about itself, judged: templates, other text, hyperparameters, vocabulary, splits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detect/payload/payload.hpp"
#include "formats/gguf/layout.hpp"
#include "modelaudit/scanner.hpp"
#include "wire/names/name_set.hpp"

namespace modelaudit::formats {

/// The vocabulary's arrays, reduced to what the checks need.
struct GgufVocabulary {
  std::optional<std::uint64_t> tokens;       ///< number of them
  std::optional<std::uint64_t> scores;
  std::optional<std::uint64_t> token_types;
  std::uint64_t longest_token = 0;
  std::uint64_t longest_token_offset = 0;
  std::vector<bool> spells_byte;             ///< by token: the text is `<0xHH>`
  std::vector<bool> typed_byte;              ///< by token: the type says byte
  std::uint64_t broken_merges = 0;
  std::uint64_t first_broken_merge = 0;
};

/// Receives pairs, judges text at once and numbers at the end.
class GgufMetadata {
 public:
  explicit GgufMetadata(ScanContext& context) : context_(context), keys_(context.budget()), charge_(context.budget()), payloads_(context) {}

  void on_key(std::string_view key, std::uint64_t offset);
  void on_scalar(const gguf_layout::Scalar& value, std::uint64_t offset);
  void on_string(ByteView text);
  bool on_array(const gguf_layout::Array& array, std::uint64_t offset);
  void on_element(std::uint64_t index, const gguf_layout::Scalar& value);
  void on_element(std::uint64_t index, ByteView text);

  /// After all pairs: hyperparameters, vocabulary, split.
  void judge(const gguf_layout::Header& header);
  /// The alignment of the data, or nothing when it is unusable (reported).
  std::optional<std::uint64_t> alignment() const noexcept { return alignment_; }

 private:
  enum class Role : std::uint8_t { other, chat_template, tokens, token_types, merges, inert };

  static Role role_of(std::string_view key) noexcept;
  void set_alignment(const gguf_layout::Scalar& value, std::uint64_t offset);
  void judge_text(ByteView text);
  void scan_template(ByteView text);
  bool judge_stray_template(ByteView text);
  void judge_token(std::uint64_t index, ByteView text);

  void judge_hyperparameters();
  void judge_heads(const std::string& prefix);
  void judge_vocabulary();
  void judge_byte_tokens();
  void judge_token_ids();
  void judge_split(const gguf_layout::Header& header);

  std::optional<std::uint64_t> number(const std::string& key) const;
  bool any_key_starts_with(const std::string& prefix) const;
  void report_number(const Rule& rule, const char* message, const std::string& key, std::uint64_t value);

  struct Number {
    std::uint64_t value = 0;
    std::uint64_t offset = 0;
  };

  ScanContext& context_;
  wire::NameSet keys_;
  MemoryCharge charge_;
  detect::TextPayloads payloads_;
  std::string key_;
  Role role_ = Role::other;
  std::uint64_t templates_ = 0;
  std::map<std::string, Number> numbers_;  // whole numbers that are not negative
  std::vector<std::string> arrays_;        // keys with an array value: per-layer hyperparameters among them
  std::optional<std::uint64_t> alignment_ = gguf_layout::k_default_alignment;
  std::string architecture_;
  std::string kind_;                       // general.type
  std::string tokenizer_;
  GgufVocabulary vocabulary_;
};

}  // namespace modelaudit::formats
