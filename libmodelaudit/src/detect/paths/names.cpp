#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "detect/paths.hpp"
#include "detect/paths/charset.hpp"
#include "detect/paths/places.hpp"
#include "detect/paths/unicode.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect {

namespace {

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// `kernel:0` and `b:0.npy`: TensorFlow's variable names carry an output number after a colon.
bool is_output_number(std::string_view after_colon) {
  std::size_t digits = 0;
  while (digits < after_colon.size() && is_digit(after_colon[digits])) ++digits;
  if (digits == 0) return false;
  return digits == after_colon.size() || after_colon[digits] == '.' || after_colon[digits] == '/';
}

bool has_drive(std::string_view path) {
  return path.size() >= 2 && is_letter(path[0]) && path[1] == ':' && !is_output_number(path.substr(2));
}

void note_characters(std::string_view decoded, PathFacts& facts) {
  std::uint32_t previous = 0;
  for (std::size_t at = 0; at < decoded.size();) {
    const CodePoint point = decode_utf8(decoded, at);
    const std::uint32_t c = point.value;
    if (c != 0 && (c < 0x20 || (c >= 0x7F && c < 0xA0))) facts.add(PathFact::control);
    if (is_deceptive(c, previous)) facts.add(PathFact::deceptive);
    previous = c;
    at += point.length == 0 ? 1 : point.length;
  }
}

/// The components of a path, `.` dropped and `..` resolved; notes when it leaves the root on the way.
std::string normalise(std::string_view path, PathFacts& facts) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    // Windows drops trailing spaces, so ".. " climbs too.
    const std::string_view shown = part.substr(0, part.find_last_not_of(' ') + 1);
    if (part.empty() || shown == ".") continue;
    if (shown != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      facts.add(PathFact::below_root);
    } else {
      parts.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : parts) {
    if (!out.empty()) out.push_back('/');
    out.append(part);
  }
  if (out.empty()) facts.add(PathFact::empty);
  return out;
}

/// Removes what makes a path absolute and says whether anything did.
std::string_view strip_root(std::string_view path, bool reference, PathFacts& facts) {
  if (has_drive(path)) {
    facts.add(PathFact::absolute);
    path.remove_prefix(2);
  }
  if (path.starts_with('/')) {
    facts.add(PathFact::absolute);
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    if (path.starts_with("?/") || path.starts_with("./")) {  // \\?\C:\x, \\.\C:\x
      path.remove_prefix(2);
      if (has_drive(path)) path.remove_prefix(2);
    }
  }
  if (reference && path.starts_with('~')) facts.add(PathFact::absolute);
  return path;
}

void note_components(std::string_view normalised, PathFacts& facts) {
  for (std::size_t at = 0; at < normalised.size();) {
    const std::size_t end = std::min(normalised.find('/', at), normalised.size());
    const std::string_view part = normalised.substr(at, end - at);
    at = end + 1;
    if (is_device_name(part)) facts.add(PathFact::device);
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos || colon == 0 || is_output_number(part.substr(colon + 1))) continue;
    facts.add(PathFact::stream);
    if (is_executable_extension(lower_extension(part.substr(0, colon))) ||
        is_executable_extension(lower_extension(part.substr(colon + 1)))) {
      facts.add(PathFact::stream_executable);
    }
  }
}

void note_nul(std::string_view raw, PathFacts& facts) {
  const std::size_t nul = raw.find('\0');
  if (nul == std::string_view::npos) return;
  facts.add(PathFact::nul);
  const std::size_t last = raw.find_last_not_of('\0');
  if (last == std::string_view::npos || last < nul) return;  // padding only
  if (lower_extension(raw.substr(0, nul)) != lower_extension(raw.substr(0, last + 1))) facts.add(PathFact::nul_extension);
}

NameJudgement judge(std::string_view raw, std::string decoded, bool reference, PathFacts facts) {
  NameJudgement out;
  note_nul(raw, facts);
  note_characters(decoded, facts);
  out.display = decoded;
  if (decoded.find('\\') != std::string::npos) {
    facts.add(PathFact::backslash);
    std::replace(decoded.begin(), decoded.end(), '\\', '/');
  }
  out.normalised = normalise(strip_root(decoded, reference, facts), facts);
  note_components(out.normalised, facts);
  if (is_autorun_place(out.normalised)) facts.add(PathFact::autorun);
  if (is_sensitive_place(out.normalised)) facts.add(PathFact::sensitive);
  out.collision_key = collision_key(out.normalised);
  out.facts = facts;
  return out;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char low = ascii_lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int high = text[at] == '%' && at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[at + 2]) : -1;
    if (low >= 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      at += 2;
    } else {
      out.push_back(text[at]);
    }
  }
  return out;
}

/// RFC 3986 scheme of at least two letters (one would be a drive) before "://" or "file:".
bool has_scheme(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 2 || colon > 20 || !is_letter(text[0])) return false;
  for (const char c : text.substr(0, colon)) {
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return false;
  }
  return text.substr(colon).starts_with("://") || ascii_lower(text.substr(0, colon)) == "file";
}

Details evidence(const NameJudgement& name) { return {{"name", name.display}, {"normalised", name.normalised}}; }

}  // namespace

std::string_view base_name(std::string_view normalised) noexcept {
  const std::size_t slash = normalised.rfind('/');
  return slash == std::string_view::npos ? normalised : normalised.substr(slash + 1);
}

std::string lower_extension(std::string_view normalised) {
  const std::string lower = ascii_lower(base_name(normalised));
  std::string_view name = lower;
  for (std::size_t dot = name.rfind('.'); dot != std::string_view::npos && dot != 0; dot = name.rfind('.')) {
    const std::string_view last = name.substr(dot + 1);
    const bool number = !last.empty() && std::all_of(last.begin(), last.end(), is_digit);
    // libx.so.1.2: the version is not the extension.
    if (!number || name.find(".so.") == std::string_view::npos) return std::string(name.substr(dot));
    name = name.substr(0, dot);
  }
  return {};
}

NameJudgement judge_member_name(std::string_view raw, NameCharset charset) {
  PathFacts facts;
  bool undecodable = false;
  std::string decoded = decode_name(raw, charset, undecodable);
  if (undecodable) facts.add(PathFact::undecodable);
  return judge(raw, std::move(decoded), false, facts);
}

NameJudgement judge_reference(std::string_view raw) {
  PathFacts facts;
  bool undecodable = false;
  std::string decoded = decode_name(raw, NameCharset::utf8, undecodable);
  if (undecodable) facts.add(PathFact::undecodable);
  if (std::string plain = percent_decode(decoded); plain != decoded) {
    facts.add(PathFact::percent_encoded);
    decoded = std::move(plain);
  }
  if (!has_scheme(decoded)) return judge(raw, std::move(decoded), true, facts);
  facts.add(PathFact::url);
  const std::string_view rest = std::string_view(decoded).substr(decoded.find(':') + 1);
  NameJudgement out = judge(raw, std::string(rest), false, facts);  // the path of a URL starts with / as a matter of course
  PathFacts kept = facts;
  for (const PathFact fact : {PathFact::nul, PathFact::nul_extension, PathFact::control, PathFact::deceptive, PathFact::below_root,
                              PathFact::sensitive}) {
    if (out.facts.has(fact)) kept.add(fact);
  }
  out.facts = kept;
  out.display = decoded;
  return out;
}

std::vector<Finding> name_findings(const NameJudgement& name, const Location& where) {
  std::vector<Finding> out;
  const auto add = [&](const Rule& rule, std::string message, std::optional<Severity> severity = {}) {
    out.emplace_back(rule, std::move(message), where, evidence(name));
    if (severity) out.back().severity = *severity;
  };
  const PathFacts& facts = name.facts;
  if (facts.has(PathFact::below_root)) {
    add(rules::path_traversal, facts.has(PathFact::sensitive) ? "Member name climbs out of the folder it is extracted to, to a system or credential file"
                                                              : "Member name climbs out of the folder it is extracted to");
  }
  if (facts.has(PathFact::absolute)) {
    add(rules::path_absolute, facts.has(PathFact::sensitive) ? "Member name is an absolute path of a system or credential file"
                                                             : "Member name is an absolute path");
  }
  if (facts.has(PathFact::nul_extension)) {
    add(rules::name_nul, "Member name has another extension when it is cut at its NUL byte", Severity::critical);
  } else if (facts.has(PathFact::nul)) {
    add(rules::name_nul, "Member name holds a NUL byte");
  }
  if (facts.has(PathFact::deceptive)) add(rules::name_deceptive, "Member name holds invisible or direction-changing characters");
  else if (facts.has(PathFact::control)) add(rules::name_deceptive, "Member name holds control characters");
  if (facts.has(PathFact::stream_executable)) {
    add(rules::name_device, "Member name addresses an alternate data stream that can be run", Severity::warning);
  } else if (facts.has(PathFact::stream)) {
    add(rules::name_device, "Member name holds a colon: on Windows an alternate data stream");
  } else if (facts.has(PathFact::device)) {
    add(rules::name_device, "Member name is a Windows device");
  }
  if (facts.has(PathFact::autorun)) add(rules::name_autorun, "Member would land where programs are started or trusted by themselves");
  return out;
}

std::vector<Finding> reference_findings(const NameJudgement& reference, std::string_view field, const Location& where) {
  std::vector<Finding> out;
  const auto add = [&](const Rule& rule, std::string_view what) {
    std::string message(what);
    message.append(": ").append(field);
    out.emplace_back(rule, std::move(message), where, evidence(reference));
    out.back().details.emplace_back("field", std::string(field));
  };
  const PathFacts& facts = reference.facts;
  if (facts.has(PathFact::below_root)) add(rules::path_traversal, "Reference leaves the folder of the model");
  if (facts.has(PathFact::absolute)) add(rules::path_absolute, "Reference is an absolute path");
  if (facts.has(PathFact::url)) add(rules::path_url, "Reference is a URL where a file is expected");
  if (facts.has(PathFact::nul)) add(rules::name_nul, "Reference holds a NUL byte");
  if (facts.has(PathFact::deceptive) || facts.has(PathFact::control)) {
    add(rules::name_deceptive, "Reference holds control or invisible characters");
  }
  return out;
}

}  // namespace modelaudit::detect
