#include "detect/python_source/judge.hpp"

#include <algorithm>
#include <string>

#include "detect/paths/unicode.hpp"
#include "detect/python_source/analyser.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect {

namespace {

constexpr std::size_t k_longest = std::size_t{10} << 20;

/// The encoding that a comment in the first two lines declares (PEP 263), lower case, or empty.
std::string declared_encoding(std::string_view source) {
  for (int line = 0; line < 2; ++line) {
    const std::size_t end = std::min(source.find('\n'), source.size());
    const std::string_view text = source.substr(0, end);
    const std::size_t hash = text.find_first_not_of(" \t\f");
    const std::size_t word = text.find("coding");
    if (hash != std::string_view::npos && text[hash] == '#' && word != std::string_view::npos && word + 6 < text.size() &&
        (text[word + 6] == ':' || text[word + 6] == '=')) {
      std::size_t from = text.find_first_not_of(" \t", word + 7);
      if (from == std::string_view::npos) return {};
      std::size_t to = from;
      while (to < text.size() && (std::string_view("-_.").find(text[to]) != std::string_view::npos || (text[to] >= '0' && text[to] <= '9') ||
                                  (ascii_lower(text[to]) >= 'a' && ascii_lower(text[to]) <= 'z'))) {
        ++to;
      }
      return ascii_lower(text.substr(from, to - from));
    }
    source.remove_prefix(std::min(end + 1, source.size()));
  }
  return {};
}

/// Encodings in which ASCII text stands for itself.
bool is_plain_encoding(std::string_view name) {
  if (name.empty()) return true;
  for (const std::string_view prefix : {"utf-8", "utf8", "utf_8", "latin", "iso-8859", "iso8859", "iso_8859", "ascii", "us-ascii", "cp12", "cp8", "cp4", "windows-12",
                                        "koi8", "euc", "gb", "big5", "mac", "shift", "sjis", "cp9", "l1"}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

PythonJudgement judge_python(std::string_view source, PythonKind kind) {
  PythonJudgement out;
  if (source.size() > k_longest) {
    out.gaps.push_back({GapKind::limit, "python: longer than 10 MiB; judged to there", {}});
    source = source.substr(0, k_longest);
  }
  const std::string encoding = declared_encoding(source);
  if (!is_plain_encoding(encoding)) {
    Location where;
    where.offset = 0;
    where.line = 1;
    out.findings.emplace_back(rules::python_odd_encoding, "Source declares an encoding that hides what it says", where, Details{{"encoding", encoding}});
    out.gaps.push_back({GapKind::unsupported, "python: source in an encoding that is not read", where});
  }
  python::Analyser(source, kind, 0, out).run();
  return out;
}

}  // namespace modelaudit::detect
