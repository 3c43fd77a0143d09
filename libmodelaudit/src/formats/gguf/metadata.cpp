#include "formats/gguf/metadata.hpp"

#include <algorithm>
#include <array>

#include "detect/code_text.hpp"
#include "detect/templates.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {
namespace {

using gguf_layout::Array;
using gguf_layout::Scalar;
using gguf_layout::ValueType;

constexpr std::size_t k_numbers_kept = 4096;
constexpr std::size_t k_arrays_kept = 4096;
constexpr std::uint64_t k_tokens_checked = 16'000'000;
constexpr std::uint64_t k_longest_token = std::uint64_t{64} << 10;
constexpr std::uint64_t k_largest_alignment = std::uint64_t{64} << 10;
constexpr std::uint64_t k_byte_type = 6;              // LLAMA_TOKEN_TYPE_BYTE
constexpr std::uint64_t k_most_layers = 512;          // LLAMA_MAX_LAYERS
constexpr std::uint64_t k_no_token = 0xFFFFFFFF;      // -1 written as u32
// A pad or end token just behind the vocabulary is a slip that real conversions have; llama.cpp falls back to its default.
constexpr std::uint64_t k_token_id_slip = 1024;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> heads) {
  return std::any_of(heads.begin(), heads.end(), [&](std::string_view head) { return text.starts_with(head); });
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// The spelling that llama.cpp decodes without a check: llama_vocab::token_to_byte takes the two digits after `<0x`.
bool spells_byte(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && is_hex(token[3]) && is_hex(token[4]) && token[5] == '>';
}

// Text that is a place on the network by its purpose, or prose and names of data.
bool is_reference(std::string_view key) {
  return key.starts_with("general.") && (key.ends_with("url") || key.ends_with("link") || key.ends_with("doi"));
}

}  // namespace

GgufMetadata::Role GgufMetadata::role_of(std::string_view key) noexcept {
  if (contains(key, "template")) return Role::chat_template;
  if (key == "tokenizer.ggml.tokens") return Role::tokens;
  if (key == "tokenizer.ggml.token_type") return Role::token_types;
  if (key == "tokenizer.ggml.merges") return Role::merges;
  // Vocabularies hold every word there is: `eval(`, `{{`, `../`.
  if (key.starts_with("tokenizer.ggml.") || key == "tokenizer.huggingface.json" || key == "tokenizer.rwkv.world") return Role::inert;
  return Role::other;
}

void GgufMetadata::on_key(std::string_view key, std::uint64_t offset) {
  key_.assign(key);
  role_ = role_of(key);
  if (!keys_.insert(key)) {
    context_.report(Finding(rules::gguf_duplicate, "a key occurs twice", context_.at(offset), {{"key", key_}}));
  }
}

void GgufMetadata::on_scalar(const Scalar& value, std::uint64_t offset) {
  if (key_ == "general.alignment") return set_alignment(value, offset);
  const auto count = value.as_count();
  if (count && numbers_.size() < k_numbers_kept) numbers_.insert_or_assign(key_, Number{*count, offset});
}

void GgufMetadata::set_alignment(const Scalar& value, std::uint64_t offset) {
  const std::uint64_t n = value.bits;
  const bool usable = value.type == ValueType::u32 && n != 0 && (n & (n - 1)) == 0 && n <= k_largest_alignment;
  if (usable) {
    alignment_ = n;
    return;
  }
  alignment_.reset();
  context_.report(Finding(rules::gguf_alignment, "the alignment is no power of two that a loader can use", context_.at(offset),
                          {{"alignment", std::to_string(n)}}));
}

void GgufMetadata::on_string(ByteView text) {
  if (key_ == "general.architecture") architecture_ = text.first(64).text();
  if (key_ == "general.type") kind_ = text.first(64).text();
  if (key_ == "tokenizer.ggml.model") tokenizer_ = text.first(64).text();
  judge_text(text);
}

void GgufMetadata::judge_text(ByteView text) {
  if (role_ == Role::inert || text.empty()) return;
  const std::string_view value = text.text();
  if (role_ == Role::chat_template && detect::has_template_syntax(value)) return scan_template(text);
  if (detect::has_template_syntax(value) && judge_stray_template(text)) return;
  payloads_.scan(text, key_);
  if (is_reference(key_)) return;
  if (const auto code = detect::find_code(value)) {
    Finding finding(rules::gguf_metadata_code, "a metadata value is code", context_.at(text.offset() + code->offset),
                    {{"key", key_}, {"kind", std::string(detect::to_string(code->kind))}, {"extract", code->extract}});
    if (code->kind == detect::CodeKind::script_tag) finding.severity = Severity::info;
    context_.report(std::move(finding));
  }
}

void GgufMetadata::scan_template(ByteView text) {
  Child child;
  child.name = key_.substr(0, 256);
  if (templates_++ > 0) child.name += "#" + std::to_string(templates_);
  child.role = "chat-template";
  child.may_be_unknown = false;
  if (context_.probe().is_stream()) {
    child.content = std::vector<std::byte>(text.span().begin(), text.span().end());
  } else {
    child.content = ByteRange{text.offset(), text.size()};
  }
  context_.scan_child(std::move(child));
}

// Nobody renders a description, so a broken or harmless template in one is prose; an attack in one waits for a tool that
// does.
bool GgufMetadata::judge_stray_template(ByteView text) {
  bool attack = false;
  for (Finding& finding : detect::judge_template(text.text()).findings) {
    if (finding.severity < Severity::warning) continue;
    finding.severity = Severity::warning;
    finding.where.offset = text.offset() + finding.where.offset.value_or(0);
    finding.where.line.reset();
    finding.details.emplace_back("key", key_);
    context_.report(std::move(finding));
    attack = true;
  }
  return attack;
}

bool GgufMetadata::on_array(const Array& array, std::uint64_t offset) {
  if (array.depth > 1) {
    if (array.depth == 2) {
      context_.report(Finding(rules::gguf_nested_array, "an array inside an array", context_.at(offset), {{"key", key_}}));
    }
    return array.element == ValueType::string && role_ == Role::chat_template;
  }
  if (arrays_.size() < k_arrays_kept) arrays_.push_back(key_);
  if (key_ == "tokenizer.ggml.tokens") vocabulary_.tokens = array.count;
  if (key_ == "tokenizer.ggml.scores") vocabulary_.scores = array.count;
  if (key_ == "tokenizer.ggml.token_type") vocabulary_.token_types = array.count;
  if (role_ == Role::tokens && array.element == ValueType::string) {
    const std::uint64_t checked = std::min(array.count, k_tokens_checked);
    charge_.add(checked / 8);
    vocabulary_.spells_byte.assign(checked, false);
  }
  if (array.element == ValueType::string) return role_ != Role::inert;
  if (role_ != Role::token_types || array.count > k_tokens_checked || gguf_layout::fixed_size(array.element) == 0) return false;
  charge_.add(array.count / 8);
  vocabulary_.typed_byte.assign(array.count, false);
  return true;
}

void GgufMetadata::on_element(std::uint64_t index, const Scalar& value) {
  if (role_ == Role::token_types && index < vocabulary_.typed_byte.size()) vocabulary_.typed_byte[index] = value.bits == k_byte_type;
}

void GgufMetadata::on_element(std::uint64_t index, ByteView text) {
  switch (role_) {
    case Role::tokens: return judge_token(index, text);
    case Role::merges:
      // llama.cpp splits a merge at the first space behind its first byte.
      if (text.from(1).text().find(' ') == std::string_view::npos && vocabulary_.broken_merges++ == 0) {
        vocabulary_.first_broken_merge = text.offset();
      }
      return;
    case Role::chat_template:
    case Role::other: return judge_text(text);
    case Role::token_types:
    case Role::inert: return;
  }
}

void GgufMetadata::judge_token(std::uint64_t index, ByteView text) {
  if (text.size() > vocabulary_.longest_token) {
    vocabulary_.longest_token = text.size();
    vocabulary_.longest_token_offset = text.offset();
  }
  if (index < vocabulary_.spells_byte.size()) vocabulary_.spells_byte[index] = spells_byte(text.text());
}

std::optional<std::uint64_t> GgufMetadata::number(const std::string& key) const {
  const auto found = numbers_.find(key);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second.value);
}

bool GgufMetadata::any_key_starts_with(const std::string& prefix) const {
  const auto found = numbers_.lower_bound(prefix);
  if (found != numbers_.end() && found->first.starts_with(prefix)) return true;
  return std::any_of(arrays_.begin(), arrays_.end(), [&](const std::string& key) { return key.starts_with(prefix); });
}

void GgufMetadata::report_number(const Rule& rule, const char* message, const std::string& key, std::uint64_t value) {
  const auto found = numbers_.find(key);
  const Location where = found == numbers_.end() ? Location{} : context_.at(found->second.offset);
  context_.report(Finding(rule, message, where, {{"key", key}, {"value", std::to_string(value)}}));
}

void GgufMetadata::judge(const gguf_layout::Header& header) {
  if (!architecture_.empty()) context_.metadata("architecture", architecture_);
  judge_hyperparameters();
  judge_vocabulary();
  judge_split(header);
}

void GgufMetadata::judge_hyperparameters() {
  // Adapters, projectors and importance matrices carry the keys of their model without being one.
  if (architecture_.empty() || architecture_ == "clip" || (!kind_.empty() && kind_ != "model")) return;
  const std::string prefix = architecture_ + ".";
  if (const auto blocks = number(prefix + "block_count"); blocks && (*blocks == 0 || *blocks > k_most_layers)) {
    report_number(rules::gguf_hparam, "a number of layers that no model has", prefix + "block_count", *blocks);
  }
  const auto experts = number(prefix + "expert_count");
  const auto used = number(prefix + "expert_used_count");
  if (experts && used && *used > *experts) {
    report_number(rules::gguf_hparam, "more experts are used than there are", prefix + "expert_used_count", *used);
  }
  judge_heads(prefix);
}

void GgufMetadata::judge_heads(const std::string& prefix) {
  const std::string heads_key = prefix + "attention.head_count";
  const auto heads = number(heads_key);
  if (!heads) return;  // absent, or one number a layer
  const bool recurrent = starts_with_any(architecture_, {"mamba", "rwkv", "arwkv"}) || any_key_starts_with(prefix + "ssm.") ||
                         any_key_starts_with(prefix + "wkv.");
  if (*heads == 0) {
    if (!recurrent) report_number(rules::gguf_hparam, "no attention heads", heads_key, 0);
    return;
  }
  const auto width = number(prefix + "embedding_length");
  const auto key_length = number(prefix + "attention.key_length");
  if (!key_length && width && *width % *heads != 0 && !recurrent) {
    report_number(rules::gguf_hparam, "the embedding is no multiple of the number of heads", prefix + "embedding_length", *width);
  }
  const auto rope = number(prefix + "rope.dimension_count");
  const auto head_size = key_length ? key_length : width ? std::optional(*width / *heads) : std::nullopt;
  if (rope && head_size && *rope > *head_size) {
    report_number(rules::gguf_hparam, "more rotary dimensions than a head has", prefix + "rope.dimension_count", *rope);
  }
}

void GgufMetadata::judge_vocabulary() {
  if (!vocabulary_.tokens) return;
  const std::uint64_t tokens = *vocabulary_.tokens;
  context_.metadata("token_count", std::to_string(tokens));
  const auto report = [&](const char* message, Details evidence, Location where = {}) {
    context_.report(Finding(rules::gguf_vocab, message, std::move(where), std::move(evidence)));
  };
  if (tokens == 0 && tokenizer_ != "none" && tokenizer_ != "no_vocab") report("the vocabulary is empty", {});
  if (vocabulary_.scores && *vocabulary_.scores != tokens) {
    report("there are more or fewer scores than tokens", {{"tokens", std::to_string(tokens)}, {"scores", std::to_string(*vocabulary_.scores)}});
  }
  if (vocabulary_.token_types && *vocabulary_.token_types != tokens) {
    report("there are more or fewer token types than tokens",
           {{"tokens", std::to_string(tokens)}, {"token_types", std::to_string(*vocabulary_.token_types)}});
  }
  if (vocabulary_.longest_token > k_longest_token) {
    report("a token is longer than 64 KiB", {{"length", std::to_string(vocabulary_.longest_token)}},
           context_.at(vocabulary_.longest_token_offset));
  }
  if (vocabulary_.broken_merges > 0) {
    report("merges do not consist of two parts", {{"merges", std::to_string(vocabulary_.broken_merges)}},
           context_.at(vocabulary_.first_broken_merge));
  }
  judge_byte_tokens();
  judge_token_ids();
}

void GgufMetadata::judge_byte_tokens() {
  const std::size_t n = std::min(vocabulary_.spells_byte.size(), vocabulary_.typed_byte.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (!vocabulary_.typed_byte[i] || vocabulary_.spells_byte[i]) continue;
    context_.report(Finding(rules::gguf_byte_token, "a byte token does not spell a byte", {}, {{"token", std::to_string(i)}}));
    return;
  }
}

void GgufMetadata::judge_token_ids() {
  for (auto entry = numbers_.lower_bound("tokenizer.ggml."); entry != numbers_.end() && entry->first.starts_with("tokenizer.ggml."); ++entry) {
    const auto& [key, id] = *entry;
    if (!key.ends_with("_token_id") || id.value < *vocabulary_.tokens || id.value == k_no_token) continue;
    Finding finding(rules::gguf_vocab, "a special token lies outside the vocabulary", context_.at(id.offset),
                    {{"key", key}, {"value", std::to_string(id.value)}, {"tokens", std::to_string(*vocabulary_.tokens)}});
    if (id.value - *vocabulary_.tokens < k_token_id_slip) finding.severity = Severity::info;
    context_.report(std::move(finding));
  }
}

// A merged model says split.count 0; parts count from 0.
void GgufMetadata::judge_split(const gguf_layout::Header& header) {
  const auto count = number("split.count");
  const auto no = number("split.no");
  if (!count || *count == 0) return;
  context_.metadata("split_count", std::to_string(*count));
  if (no) context_.metadata("split_no", std::to_string(*no));
  if (no && *no >= *count) report_number(rules::gguf_split, "the number of this part is beyond the number of parts", "split.no", *no);
  const auto tensors = number("split.tensors.count");
  if (tensors && header.tensor_count > *tensors) {
    report_number(rules::gguf_split, "this part holds more tensors than the whole model", "split.tensors.count", *tensors);
  }
}

}  // namespace modelaudit::formats
