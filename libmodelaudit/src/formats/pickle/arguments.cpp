#include "formats/pickle/arguments.hpp"

#include <algorithm>
#include <initializer_list>
#include <vector>

namespace modelaudit::formats::pickles {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

/// Words and single signs, without blanks; line breaks matter only to tell the functions apart, which `def` does.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ' || text[i] == '\n') {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    if (is_word(text[i])) {
      while (end < text.size() && is_word(text[end])) ++end;
    }
    out.push_back(text.substr(i, end - i));
    i = end;
  }
  return out;
}

/// Reads one of the three functions; what it expects is given by the caller, names of shapes are free.
class Reader {
 public:
  explicit Reader(std::vector<std::string_view> words) : words_(std::move(words)) {}

  bool take(std::string_view word) {
    if (at_ == words_.size() || words_[at_] != word) return false;
    ++at_;
    return true;
  }
  bool take_all(std::initializer_list<std::string_view> words) {
    return std::all_of(words.begin(), words.end(), [&](std::string_view word) { return take(word); });
  }
  /// Names, numbers and strings of letters between brackets, separated by commas and with `name=value`.
  bool take_list() {
    if (!take("(")) return false;
    for (; at_ < words_.size() && words_[at_] != ")"; ++at_) {
      const std::string_view word = words_[at_];
      // A name followed by a bracket or a dot would be a call or an attribute: neither sign is allowed here.
      if (!is_word(word.front()) && word != "," && word != "=" && word != "'") return false;
    }
    return take(")");
  }
  /// The bare list behind `return (shapes)`: `, loc, scale`.
  bool take_tail() {
    while (take(",")) {
      if (at_ == words_.size() || !is_word(words_[at_].front()) || words_[at_] == "def") return false;
      ++at_;
    }
    return true;
  }
  bool at_end() const { return at_ == words_.size(); }

 private:
  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_constant_repr(std::string_view text) noexcept {
  if (text == "Ellipsis" || text == "NotImplemented" || text == "None") return true;
  for (const std::string_view call : {std::string_view("range("), std::string_view("xrange(")}) {
    if (!text.starts_with(call) || !text.ends_with(')')) continue;
    const std::string_view inner = text.substr(call.size(), text.size() - call.size() - 1);
    return !inner.empty() && std::all_of(inner.begin(), inner.end(), [](char c) { return is_digit(c) || c == '-' || c == ',' || c == ' '; });
  }
  return false;
}

bool is_distribution_template(std::string_view text) {
  constexpr std::size_t k_longest = 4096;  // the real ones have a few hundred characters
  if (text.size() > k_longest) return false;
  Reader in(words_of(text));
  return in.take_all({"def", "_parse_args"}) && in.take_list() && in.take_all({":", "return"}) && in.take_list() && in.take_tail() &&
         in.take_all({"def", "_parse_args_rvs"}) && in.take_list() && in.take_all({":", "return", "self", ".", "_argcheck_rvs"}) &&
         in.take_list() && in.take_all({"def", "_parse_args_stats"}) && in.take_list() && in.take_all({":", "return"}) && in.take_list() &&
         in.take_tail() && in.at_end();
}

}  // namespace modelaudit::formats::pickles
