// ScanResult as JSON, without loss. The grammar (every key always present, in this order):
//
//   result   = {schema: 1, path: text, verdict: word, complete: bool, findings: [finding], coverage, assets: [asset],
//               assets_omitted: n, scanners: [text], metadata: [[text, text]], deterministic: bool, duration_us: n,
//               cache: word}
//   finding  = {rule: text, severity: word, message: text, where: place, details: [[text, text]], uncleared: [text],
//               severity_if_allowed: word | null, suppressed_by: text}
//   place    = {path: text, members: [text], offset: n | null, length: n | null, line: n | null}
//   coverage = {size: n, interpreted: n, declared: n, gaps: [{kind: word, what: text, where: place}]}
//   asset    = {members: [text], format: text, size: n}
//   text     = string | {hex: string}     the second for bytes that are not UTF-8
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "modelaudit/scan_result.hpp"
#include "result/utf8.hpp"

namespace modelaudit {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t k_schema = 1;
// Bounds on text that from_json() takes: a tree of nodes needs some 16 times the memory of the shortest text for it.
constexpr std::size_t k_max_bytes = std::size_t{64} << 20;
constexpr std::size_t k_max_values = 2'000'000;
constexpr unsigned k_max_depth = 8;  // result > findings > finding > where > members > text: 6

// --- writing ---------------------------------------------------------------------------------------------------

Json text_json(const std::string& text) {
  if (utf8::is_valid(text)) return text;
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(text.size() * 2);
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    hex += k_digits[byte >> 4];
    hex += k_digits[byte & 15];
  }
  return Json{{"hex", std::move(hex)}};
}

Json texts_json(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(text_json(text));
  return out;
}

Json pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json out = Json::array();
  for (const auto& [key, value] : pairs) out.push_back(Json::array({text_json(key), text_json(value)}));
  return out;
}

template <typename T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json place_json(const Location& where) {
  return {{"path", text_json(where.path)},
          {"members", texts_json(where.members)},
          {"offset", optional_json(where.offset)},
          {"length", optional_json(where.length)},
          {"line", optional_json(where.line)}};
}

Json finding_json(const Finding& finding) {
  Json if_allowed = nullptr;
  if (finding.severity_if_allowed) if_allowed = to_string(*finding.severity_if_allowed);
  return {{"rule", text_json(finding.rule)},
          {"severity", to_string(finding.severity)},
          {"message", text_json(finding.message)},
          {"where", place_json(finding.where)},
          {"details", pairs_json(finding.details)},
          {"uncleared", texts_json(finding.uncleared)},
          {"severity_if_allowed", std::move(if_allowed)},
          {"suppressed_by", text_json(finding.suppressed_by)}};
}

Json coverage_json(const Coverage& coverage) {
  Json gaps = Json::array();
  for (const Gap& gap : coverage.gaps) {
    gaps.push_back({{"kind", to_string(gap.kind)}, {"what", text_json(gap.what)}, {"where", place_json(gap.where)}});
  }
  return {{"size", coverage.size},
          {"interpreted", coverage.interpreted},
          {"declared", coverage.declared},
          {"gaps", std::move(gaps)}};
}

Json asset_json(const Asset& asset) {
  return {{"members", texts_json(asset.members)}, {"format", text_json(asset.format)}, {"size", asset.size}};
}

// --- reading ---------------------------------------------------------------------------------------------------

/// Thrown inside this file only, caught in from_json().
struct Refused {
  const char* what;
};

/// Counts values and nesting before a tree is built, so that hostile text cannot make a large one.
void check_bounds(std::string_view text) {
  if (text.size() > k_max_bytes) throw Refused{"scan result: text is too long"};
  std::size_t values = 0;
  unsigned depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') {
      ++values;
      if (++depth > k_max_depth) throw Refused{"scan result: nested too deeply"};
    }
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (c == ',') ++values;
    if (values > k_max_values) throw Refused{"scan result: too many values"};
  }
}

/// An object whose keys are exactly those that are asked for.
class Record {
 public:
  Record(const Json& json, std::size_t keys) : json_(json) {
    if (!json.is_object() || json.size() != keys) throw Refused{"scan result: object with other keys than expected"};
  }
  const Json& at(const char* key) const {
    const auto hit = json_.find(key);
    if (hit == json_.end()) throw Refused{"scan result: a key is missing"};
    return *hit;
  }

 private:
  const Json& json_;
};

const Json& array_of(const Json& json) {
  if (!json.is_array()) throw Refused{"scan result: a list was expected"};
  return json;
}

template <typename T = std::uint64_t>
T number_of(const Json& json) {
  if (!json.is_number_unsigned()) throw Refused{"scan result: a number was expected"};
  const auto value = json.get<std::uint64_t>();
  if (value > std::numeric_limits<T>::max()) throw Refused{"scan result: number too large"};
  return static_cast<T>(value);
}

template <typename T>
std::optional<T> optional_of(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return number_of<T>(json);
}

bool bool_of(const Json& json) {
  if (!json.is_boolean()) throw Refused{"scan result: true or false was expected"};
  return json.get<bool>();
}

const std::string& string_of(const Json& json) {
  if (!json.is_string()) throw Refused{"scan result: text was expected"};
  return json.get_ref<const std::string&>();
}

std::uint8_t nibble(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  throw Refused{"scan result: not a hexadecimal digit"};
}

std::string text_of(const Json& json) {
  if (json.is_string()) return string_of(json);
  const std::string& hex = string_of(Record(json, 1).at("hex"));
  if (hex.size() % 2 != 0) throw Refused{"scan result: odd number of hexadecimal digits"};
  std::string text;
  text.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    text += static_cast<char>(static_cast<std::uint8_t>(nibble(hex[i]) << 4 | nibble(hex[i + 1])));
  }
  return text;
}

std::vector<std::string> texts_of(const Json& json) {
  std::vector<std::string> out;
  for (const Json& item : array_of(json)) out.push_back(text_of(item));
  return out;
}

std::vector<std::pair<std::string, std::string>> pairs_of(const Json& json) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Json& item : array_of(json)) {
    if (!item.is_array() || item.size() != 2) throw Refused{"scan result: a pair was expected"};
    out.emplace_back(text_of(item[0]), text_of(item[1]));
  }
  return out;
}

/// The enumerator whose name is `json`, among those from `first` to `last`.
template <typename Enum>
Enum word_of(const Json& json, Enum first, Enum last) {
  const std::string& word = string_of(json);
  for (auto i = static_cast<unsigned>(first); i <= static_cast<unsigned>(last); ++i) {
    if (word == to_string(static_cast<Enum>(i))) return static_cast<Enum>(i);
  }
  throw Refused{"scan result: unknown word"};
}

Severity severity_of(const Json& json) {
  return word_of(json, Severity::debug, Severity::critical);
}

Location place_of(const Json& json) {
  const Record in(json, 5);
  Location where;
  where.path = text_of(in.at("path"));
  where.members = texts_of(in.at("members"));
  where.offset = optional_of<std::uint64_t>(in.at("offset"));
  where.length = optional_of<std::uint64_t>(in.at("length"));
  where.line = optional_of<std::uint32_t>(in.at("line"));
  return where;
}

Finding finding_of(const Json& json) {
  const Record in(json, 8);
  Finding finding;
  finding.rule = text_of(in.at("rule"));
  finding.severity = severity_of(in.at("severity"));
  finding.message = text_of(in.at("message"));
  finding.where = place_of(in.at("where"));
  finding.details = pairs_of(in.at("details"));
  finding.uncleared = texts_of(in.at("uncleared"));
  if (const Json& word = in.at("severity_if_allowed"); !word.is_null()) finding.severity_if_allowed = severity_of(word);
  finding.suppressed_by = text_of(in.at("suppressed_by"));
  return finding;
}

Coverage coverage_of(const Json& json) {
  const Record in(json, 4);
  Coverage coverage;
  coverage.size = number_of(in.at("size"));
  coverage.interpreted = number_of(in.at("interpreted"));
  coverage.declared = number_of(in.at("declared"));
  for (const Json& item : array_of(in.at("gaps"))) {
    const Record gap(item, 3);
    coverage.gaps.push_back({word_of(gap.at("kind"), GapKind::truncated, GapKind::missing), text_of(gap.at("what")),
                             place_of(gap.at("where"))});
  }
  return coverage;
}

ScanResult result_of(const Json& json) {
  const Record in(json, 13);
  if (number_of(in.at("schema")) != k_schema) throw Refused{"scan result: written by another version"};
  ScanResult result;
  result.path = text_of(in.at("path"));
  for (const Json& item : array_of(in.at("findings"))) result.findings.push_back(finding_of(item));
  result.coverage = coverage_of(in.at("coverage"));
  for (const Json& item : array_of(in.at("assets"))) {
    const Record asset(item, 3);
    result.assets.push_back({texts_of(asset.at("members")), text_of(asset.at("format")), number_of(asset.at("size"))});
  }
  result.assets_omitted = number_of(in.at("assets_omitted"));
  result.scanners = texts_of(in.at("scanners"));
  result.metadata = pairs_of(in.at("metadata"));
  result.deterministic = bool_of(in.at("deterministic"));
  result.duration_us = number_of(in.at("duration_us"));
  result.cache = word_of(in.at("cache"), CacheUse::bypassed, CacheUse::trace_hit);
  // The two that only repeat what follows from the rest.
  if (string_of(in.at("verdict")) != to_string(result.verdict()) || bool_of(in.at("complete")) != result.complete()) {
    throw Refused{"scan result: verdict contradicts the findings"};
  }
  return result;
}

}  // namespace

std::string ScanResult::to_json() const {
  Json findings_json = Json::array();
  for (const Finding& finding : findings) findings_json.push_back(finding_json(finding));
  Json assets_json = Json::array();
  for (const Asset& asset : assets) assets_json.push_back(asset_json(asset));
  const Json out = {{"schema", k_schema},
                    {"path", text_json(path)},
                    {"verdict", to_string(verdict())},
                    {"complete", complete()},
                    {"findings", std::move(findings_json)},
                    {"coverage", coverage_json(coverage)},
                    {"assets", std::move(assets_json)},
                    {"assets_omitted", assets_omitted},
                    {"scanners", texts_json(scanners)},
                    {"metadata", pairs_json(metadata)},
                    {"deterministic", deterministic},
                    {"duration_us", duration_us},
                    {"cache", to_string(cache)}};
  return out.dump();
}

Result<ScanResult> ScanResult::from_json(std::string_view json) {
  try {
    check_bounds(json);
    const Json tree = Json::parse(json, nullptr, false);
    if (tree.is_discarded()) return Failure{Errc::malformed, 0, "scan result: not JSON"};
    return result_of(tree);
  } catch (const Refused& refused) {
    return Failure{Errc::malformed, 0, refused.what};
  }
}

}  // namespace modelaudit
