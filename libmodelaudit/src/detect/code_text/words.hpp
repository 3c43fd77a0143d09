/// @file
/// Small questions about text that several judgements share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace modelaudit::detect {

constexpr bool is_word_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
}
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

/// Does `word` stand at `at` with no word character on either side?
bool stands_alone(std::string_view text, std::size_t at, std::string_view word) noexcept;
/// First place at or after `from` where `word` stands alone, or npos.
std::size_t find_word(std::string_view text, std::string_view word, std::size_t from = 0) noexcept;
/// Does the text before `at` on its line, or after it, read like a sentence: three words in a row that no language has
/// as keywords?
bool reads_like_prose(std::string_view line) noexcept;
/// Is this text a document: has it lines of running prose, Markdown fences or interpreter prompts?
bool is_document(std::string_view text) noexcept;
/// How far `at` stands from the start of its line.
std::size_t column_of(std::string_view text, std::size_t at) noexcept;
/// The line that holds `at`, without its end.
std::string_view line_at(std::string_view text, std::size_t at) noexcept;
/// At most 160 bytes of `text` from `from`, cut at a line end.
std::string extract_at(std::string_view text, std::size_t from);

}  // namespace modelaudit::detect
