#include "detect/code_text/words.hpp"

#include <algorithm>
#include <array>

namespace modelaudit::detect {

namespace {

constexpr std::size_t k_extract = 160;

/// Words that running code has between other words; they do not make a sentence.
constexpr std::array<std::string_view, 40> k_code_words{
    "and",   "as",     "assert", "async", "await",  "break",  "class", "continue", "def",    "del",  "do",     "done", "echo", "elif",
    "else",  "except", "export", "fi",    "finally", "for",   "from",  "function", "global", "if",   "import", "in",   "is",   "lambda",
    "let",   "not",    "or",     "pass",  "raise",  "return", "sudo",  "then",     "try",    "var",  "while",  "with"};

bool is_code_word(std::string_view word) {
  return std::binary_search(k_code_words.begin(), k_code_words.end(), word);
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0; }

/// A token of a sentence: letters (apostrophes and hyphens inside), then perhaps one mark.
bool is_sentence_word(std::string_view token) {
  while (!token.empty() && (token.back() == ',' || token.back() == '.' || token.back() == ':' || token.back() == '!' || token.back() == '?')) {
    token.remove_suffix(1);
  }
  if (token.empty() || token.front() == '-' || is_code_word(token)) return false;  // `-nop` is an option
  return std::all_of(token.begin(), token.end(), [](char c) { return is_letter(c) || c == '\'' || c == '-'; });
}

/// Longest run of sentence words in a line.
std::size_t longest_run(std::string_view line) {
  std::size_t best = 0;
  std::size_t run = 0;
  for (std::size_t at = 0; at < line.size();) {
    if (is_blank(line[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < line.size() && !is_blank(line[end])) ++end;
    run = is_sentence_word(line.substr(at, end - at)) ? run + 1 : 0;
    best = std::max(best, run);
    at = end;
  }
  return best;
}

}  // namespace

bool stands_alone(std::string_view text, std::size_t at, std::string_view word) noexcept {
  if (text.substr(at, word.size()) != word) return false;
  if (at > 0 && is_word_char(text[at - 1])) return false;
  return at + word.size() >= text.size() || !is_word_char(text[at + word.size()]);
}

std::size_t find_word(std::string_view text, std::string_view word, std::size_t from) noexcept {
  for (std::size_t at = text.find(word, from); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if (stands_alone(text, at, word)) return at;
  }
  return std::string_view::npos;
}

bool reads_like_prose(std::string_view line) noexcept { return longest_run(line) >= 3; }

bool is_document(std::string_view text) noexcept {
  if (text.find("```") != std::string_view::npos || text.find(">>> ") != std::string_view::npos) return true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.starts_with('#') || line.starts_with("//") || line.starts_with("REM ")) continue;  // comments are code
    if (longest_run(line) >= 5) return true;
  }
  return false;
}

std::size_t column_of(std::string_view text, std::size_t at) noexcept {
  const std::size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return before == std::string_view::npos ? at : at - before - 1;
}

std::string_view line_at(std::string_view text, std::size_t at) noexcept {
  const std::size_t start = at - column_of(text, at);
  return text.substr(start, std::min(text.find('\n', at), text.size()) - start);
}

std::string extract_at(std::string_view text, std::size_t from) {
  const std::string_view rest = text.substr(std::min(from, text.size()));
  return std::string(rest.substr(0, std::min({k_extract, rest.find('\n'), rest.size()})));
}

}  // namespace modelaudit::detect
