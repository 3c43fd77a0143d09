#include <algorithm>
#include <array>
#include <optional>

#include "detect/paths/places.hpp"
#include "detect/paths/unicode.hpp"
#include "detect/python_source/analyser.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect::python {

namespace {

constexpr int k_max_nesting = 4;  // code in code
constexpr auto npos = std::string_view::npos;

std::string extract_of(const CallArguments& arguments) {
  for (const Value& value : arguments.positional) {
    if (value.is_text()) return value.text().substr(0, 120);
  }
  return {};
}

/// A dotted quad that is neither loopback nor unset.
bool has_address(const jinja::Value& value) {
  if (value.is(jinja::ValueKind::list)) {
    return std::any_of(value.items.begin(), value.items.end(), [](const jinja::ValuePtr& item) { return has_address(*item); });
  }
  if (!value.is(jinja::ValueKind::string)) return false;
  const std::string& text = value.text;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = text.find_first_of("0123456789", at);
    if (start == std::string::npos) return false;
    const std::size_t end = std::min(text.find_first_not_of("0123456789.", start), text.size());
    const std::string quad = text.substr(start, end - start);
    at = end;
    const bool alone = start == 0 || std::string_view("/@\"' ").find(text[start - 1]) != npos;
    if (alone && std::count(quad.begin(), quad.end(), '.') == 3 && quad.size() >= 7 && !quad.starts_with("127.") && quad != "0.0.0.0") return true;
  }
  return false;
}

bool has_address(const CallArguments& arguments) {
  return std::any_of(arguments.positional.begin(), arguments.positional.end(), [](const Value& value) { return value.known && has_address(*value.known); }) ||
         std::any_of(arguments.named.begin(), arguments.named.end(), [](const auto& pair) { return pair.second.known && has_address(*pair.second.known); });
}

std::optional<std::string> base64_decoded(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    int value = 0;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    else if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    else if (c >= '0' && c <= '9') value = c - '0' + 52;
    else if (c == '+' || c == '-') value = 62;
    else if (c == '/' || c == '_') value = 63;
    else if (c == '=' || c == '\n' || c == '\r') continue;
    else return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    append_utf8(out, (bits >> held) & 0xFF);
  }
  return out;
}

std::optional<std::string> hex_decoded(std::string_view text) {
  std::string out;
  int high = -1;
  for (const char c : text) {
    const char low = ascii_lower(c);
    int digit = 0;
    if (c >= '0' && c <= '9') digit = c - '0';
    else if (low >= 'a' && low <= 'f') digit = low - 'a' + 10;
    else if (c == ' ') continue;
    else return std::nullopt;
    if (high < 0) {
      high = digit;
    } else {
      append_utf8(out, static_cast<std::uint32_t>(high * 16 + digit));
      high = -1;
    }
  }
  return out;
}

std::string rotated(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>('a' + (c - 'a' + 13) % 26);
    else if (c >= 'A' && c <= 'Z') c = static_cast<char>('A' + (c - 'A' + 13) % 26);
  }
  return text;
}

bool decodes(std::string_view path) {
  for (const std::string_view prefix : {"base64.", "binascii.", "zlib.", "gzip.", "bz2.", "lzma.", "codecs.decode", "marshal.", "builtins.bytes.fromhex",
                                        "builtins.bytearray.fromhex", "cryptography.", "Crypto."}) {
    if (path.starts_with(prefix)) return true;
  }
  return false;
}

Value text_value(std::string text, bool decoded) {
  Value out;
  out.known = jinja::string(std::move(text));
  out.folded = true;
  out.decoded = decoded;
  return out;
}

}  // namespace

Value Analyser::import_by_name(const Value& argument, bool hidden) const {
  if (!argument.is_text()) return {};
  return Value{nullptr, argument.text(), hidden || argument.folded, false, false, false};
}

Value Analyser::call(const Value& callee, const CallArguments& arguments, const Token& at) {
  judge_call(callee, arguments, at);
  // Methods of constants fold.
  if (callee.known && callee.path.starts_with('.')) {
    const std::string_view method = std::string_view(callee.path).substr(1);
    jinja::Arguments folded;
    for (const Value& value : arguments.positional) folded.positional.push_back(value.known ? value.known : jinja::unknown());
    for (const auto& [key, value] : arguments.named) folded.named.emplace_back(key, value.known ? value.known : jinja::unknown());
    Value out;
    out.folded = true;
    out.decoded = callee.decoded;
    out.secret = callee.secret || arguments.any_secret();
    out.known = jinja::fold_method(callee.known, method, folded);
    if (!out.known && callee.known->is(jinja::ValueKind::string) && (method == "write_text" || method == "write_bytes")) judge_write(Value{callee.known, {}, false, false, false, false}, at);
    return out;
  }
  if (callee.path.starts_with("builtins.")) return call_builtin(std::string_view(callee.path).substr(9), callee, arguments, at);
  return call_known(callee, arguments, at);
}

Value Analyser::call_builtin(std::string_view name, const Value& callee, const CallArguments& arguments, const Token& at) {
  const Value* first = arguments.get(0, "");
  Value out;
  out.secret = arguments.any_secret() || callee.secret;
  if (first) out.decoded = first->decoded;
  if (name == "__import__" && first) return import_by_name(*first, true);
  if ((name == "globals" || name == "locals") && !first) return Value{nullptr, std::string(name) + "()", true, false, false, false};
  if (name == "vars" && first) return Value{nullptr, first->path, true, false, false, false};
  if (name == "getattr" && first) {
    const Value* key = arguments.get(1, "");
    if (key && key->is_text()) return attribute(*first, key->text(), true);
    return Value{nullptr, {}, true, false, first->secret, false};
  }
  if (name == "open" || name == "file") {
    judge_open(arguments, at);
    out.path = "builtins.open()";
    if (first && first->is_text() && is_sensitive_place(first->text())) out.secret = true;
    return out;
  }
  if (!first) return out;
  if (name == "chr" && first->known && first->known->is_number()) {
    std::string text;
    append_utf8(text, static_cast<std::uint32_t>(std::clamp<std::int64_t>(first->known->number, 0, 0x10FFFF)));
    return text_value(std::move(text), false);
  }
  if (name == "ord" && first->is_text() && !first->text().empty()) {
    out.known = jinja::integer(decode_utf8(first->text(), 0).value);
    return out;
  }
  if (name == "bytes.fromhex" || name == "bytearray.fromhex") {
    if (const auto plain = first->is_text() ? hex_decoded(first->text()) : std::nullopt) return text_value(*plain, true);
    out.decoded = true;
    return out;
  }
  std::vector<jinja::ValuePtr> items;
  if (name == "map" && arguments.positional.size() == 2) {
    const Value& over = arguments.positional[1];
    if (!over.known || !jinja::elements(*over.known, items)) return out;
    std::vector<jinja::ValuePtr> made;
    for (const jinja::ValuePtr& item : items) {
      CallArguments one;
      one.positional.emplace_back();
      one.positional.back().known = item;
      const Value result = call(*first, one, at);
      if (!result.known) return out;
      made.push_back(result.known);
    }
    out.known = jinja::list(std::move(made));
    return out;
  }
  if ((name == "bytes" || name == "bytearray") && first->known && first->known->is(jinja::ValueKind::list)) {
    std::string text;
    for (const jinja::ValuePtr& item : first->known->items) {
      if (!item->is_number() || item->number < 0 || item->number > 255) return out;
      append_utf8(text, static_cast<std::uint32_t>(item->number));
    }
    return text_value(std::move(text), true);
  }
  if (name == "str" || name == "bytes" || name == "bytearray" || name == "repr") {
    out.known = first->is_text() ? first->known : nullptr;
    out.folded = first->folded;
    return out;
  }
  if (name == "int" && first->is_text()) {
    jinja::Arguments none;
    out.known = jinja::fold_filter("int", first->known, none);
    return out;
  }
  if ((name == "list" || name == "tuple" || name == "reversed" || name == "sorted") && first->known) {
    out.known = jinja::fold_filter(name == "reversed" ? "reverse" : name == "sorted" ? "sort" : "list", first->known, {});
    return out;
  }
  return out;
}

Value Analyser::call_known(const Value& callee, const CallArguments& arguments, const Token&) {
  const std::string& path = callee.path;
  const Value* first = arguments.get(0, "");
  Value out;
  out.secret = callee.secret || arguments.any_secret();
  out.decoded = callee.decoded || decodes(path) || (first && first->decoded);
  if (path.starts_with("os.environ.")) out.secret = path == "os.environ.copy" || path == "os.environ.items" || path == "os.environ.values";
  if (!path.empty()) out.path = path + "()";
  out.hidden = callee.hidden;
  if (!first) {
    if (path == "pathlib.Path.home") return text_value("~", false);
    return out;
  }
  if (path == "importlib.import_module" || path == "importlib.__import__") return import_by_name(*first, false);
  if (path == "operator.attrgetter" || path == "operator.itemgetter") {
    return first->is_text() ? Value{nullptr, "getter:" + first->text(), true, false, false, false} : out;
  }
  if (path.starts_with("getter:")) return attribute(*first, path.substr(7), true);
  if (path == "functools.partial") return Value{nullptr, first->path, true, false, first->secret, false};
  if (!first->is_text()) return out;
  const std::string& text = first->text();
  if (path == "base64.b64decode" || path == "base64.urlsafe_b64decode" || path == "base64.standard_b64decode" || path == "base64.decodebytes" || path == "binascii.a2b_base64") {
    if (const auto plain = base64_decoded(text)) return text_value(*plain, true);
  }
  if (path == "base64.b16decode" || path == "binascii.unhexlify" || path == "binascii.a2b_hex") {
    if (const auto plain = hex_decoded(text)) return text_value(*plain, true);
  }
  if (path == "codecs.decode") {
    const Value* codec = arguments.get(1, "encoding");
    const std::string name = codec && codec->is_text() ? ascii_lower(codec->text()) : std::string();
    if (name == "rot13" || name == "rot_13") return text_value(rotated(text), true);
    if (name == "hex" || name == "hex_codec") {
      if (const auto plain = hex_decoded(text)) return text_value(*plain, true);
    }
    if (name == "base64" || name == "base64_codec") {
      if (const auto plain = base64_decoded(text)) return text_value(*plain, true);
    }
    return out;
  }
  if (path == "os.path.expanduser" || path == "os.path.abspath" || path == "os.path.expandvars" || path == "pathlib.Path" || path == "os.fspath") {
    return text_value(text, false);
  }
  if (path == "os.path.join") {
    std::string joined;
    for (const Value& part : arguments.positional) {
      if (!part.is_text()) return out;
      joined += (joined.empty() ? "" : "/") + part.text();
    }
    return text_value(std::move(joined), false);
  }
  return out;
}

// --- judgement -----------------------------------------------------------------------------------------------------

void Analyser::report(const Rule& rule, std::string message, const Token& at, Severity imported, Severity called, Details details) {
  if (!reported_.emplace(rule.id, at.offset).second || pending_.size() >= 1000) return;
  Pending pending;
  Location where;
  where.offset = at.offset;
  where.line = at.line;
  pending.finding = Finding(rule, std::move(message), where, std::move(details));
  const bool at_import = owner_.empty() && main_guards_ == 0;
  pending.finding.severity = at_import ? imported : called;
  pending.owner = owner_;
  pending.if_imported = imported;
  pending_.push_back(std::move(pending));
}

void Analyser::judge_call(const Value& callee, const CallArguments& arguments, const Token& at) {
  const std::string& path = callee.path;
  if (path.starts_with("local:")) {
    std::string target = path.substr(6);
    std::vector<std::string> reached{target, target + ".__init__", target + ".__new__", target + ".__call__"};
    if (const std::size_t instance = target.find("()."); instance != std::string::npos) reached.push_back(target.erase(instance, 2));
    for (const std::string& one : reached) {
      if (owner_.empty() && main_guards_ == 0) run_at_import_.insert(one);
      else if (!owner_.empty()) calls_[owner_].insert(one);
    }
  }
  judge_handed_over(arguments, at);
  if (path.empty()) return;
  const CallClass kind = classify_call(path);
  if (kind == CallClass::none) return;
  if (kind_ == PythonKind::fx_graph) {
    return report(rules::python_fx_graph, "Graph code calls what no graph operation is", at, Severity::critical, Severity::critical, {{"call", path}});
  }
  if (callee.hidden && (kind == CallClass::process || kind == CallClass::dynamic_code || kind == CallClass::native)) {
    report(rules::python_obfuscated, "Source hides the name of a dangerous call", at, Severity::critical, Severity::critical,
           {{"call", path}, {"argument", extract_of(arguments)}});
    return;
  }
  const Details details{{"call", path}, {"argument", extract_of(arguments)}};
  switch (kind) {
    case CallClass::process: return report(rules::python_process, "Source starts a program", at, Severity::critical, Severity::warning, details);
    case CallClass::dynamic_code: return judge_code(callee, arguments, at);
    case CallClass::native: return report(rules::python_native, "Source loads a native library", at, Severity::critical, Severity::warning, details);
    case CallClass::unsafe_load: return report(rules::python_unsafe_load, "Source loads pickled data", at, Severity::warning, Severity::info, details);
    case CallClass::network: return judge_network(callee, arguments, at);
    case CallClass::registry: return report(rules::python_persistence, "Source writes to the Windows registry", at, Severity::critical, Severity::warning, details);
    case CallClass::none: return;
  }
}

void Analyser::judge_code(const Value& callee, const CallArguments& arguments, const Token& at) {
  const Value* first = arguments.get(0, "");
  const Details details{{"call", callee.path}, {"argument", extract_of(arguments)}};
  const bool decoded = first && (first->decoded || first->path.starts_with("builtins.compile()") || first->path.starts_with("zlib."));
  if (first && first->is_text()) {
    // The text is known: read it as the code it is.
    if (nesting_ < k_max_nesting) {
      PythonJudgement inner;
      Analyser nested(first->text(), PythonKind::module, nesting_ + 1, inner);
      nested.run();
      for (const Finding& finding : inner.findings) {
        if (finding.severity < Severity::warning) continue;
        const bool concealed = decoded || first->folded;
        report(concealed ? rules::python_obfuscated : rules::python_dynamic_code,
               concealed ? "Source hides dangerous code in a text and runs it" : "Source runs a text with dangerous code", at, Severity::critical,
               concealed ? Severity::critical : Severity::warning, {{"call", callee.path}, {"inner", finding.message}, {"argument", extract_of(arguments)}});
      }
    }
    if (decoded) report(rules::python_obfuscated, "Source decodes a text and runs it", at, Severity::critical, Severity::critical, details);
    return;
  }
  if (decoded) return report(rules::python_obfuscated, "Source decodes something and runs it", at, Severity::critical, Severity::critical, details);
  report(rules::python_dynamic_code, "Source runs code that it makes at run time", at, Severity::critical, Severity::warning, details);
}

void Analyser::judge_network(const Value& callee, const CallArguments& arguments, const Token& at) {
  const Details details{{"call", callee.path}, {"argument", extract_of(arguments)}};
  if (arguments.any_secret()) {
    return report(rules::python_exfiltration, "Source sends the environment or credentials over the network", at, Severity::critical, Severity::critical, details);
  }
  const bool address = has_address(arguments);
  report(rules::python_network, address ? "Source connects to a fixed address" : "Source opens a network connection", at,
         address ? Severity::critical : Severity::warning, address ? Severity::warning : Severity::info, details);
}

void Analyser::judge_open(const CallArguments& arguments, const Token& at) {
  const Value* mode = arguments.get(1, "mode");
  const bool writes = mode && mode->is_text() && mode->text().find_first_of("wax+") != std::string::npos;
  const Value* target = arguments.get(0, "file");
  if (writes && target) judge_write(*target, at);
}

void Analyser::judge_write(const Value& target, const Token& at) {
  if (!target.is_text()) return;
  std::string_view path = target.text();
  while (path.starts_with('~') || path.starts_with('/')) path.remove_prefix(1);
  if (!is_autorun_place(path) && !is_sensitive_place(path)) return;
  report(rules::python_persistence, "Source writes to a place that the system runs or trusts", at, Severity::critical, Severity::warning, {{"path", target.text()}});
}

/// Thread(target=os.system), map(eval, …), atexit.register(os.system, …): the function is called by somebody else.
void Analyser::judge_handed_over(const CallArguments& arguments, const Token& at) {
  const auto judge = [&](const Value& value) {
    if (value.path.empty() || value.path.ends_with(')')) return;
    const CallClass kind = classify_call(value.path);
    if (kind != CallClass::process && kind != CallClass::dynamic_code) return;
    if (value.path.starts_with("types.")) return;  // isinstance(x, types.FunctionType)
    report(value.hidden ? rules::python_obfuscated : kind == CallClass::process ? rules::python_process : rules::python_dynamic_code,
           "Source hands a dangerous function on to be called", at, Severity::critical, value.hidden ? Severity::critical : Severity::warning, {{"call", value.path}});
  };
  for (const Value& value : arguments.positional) judge(value);
  for (const auto& [key, value] : arguments.named) judge(value);
}

void Analyser::judge_fx_import(std::string_view module, const Token& at) {
  if (kind_ != PythonKind::fx_graph) return;
  constexpr std::array<std::string_view, 8> k_allowed{"torch", "math", "operator", "builtins", "device", "numpy", "typing", "torchvision"};
  const std::string_view root = module.substr(0, module.find('.'));
  if (std::find(k_allowed.begin(), k_allowed.end(), root) != k_allowed.end()) return;
  report(rules::python_fx_graph, "Graph code imports a module that no graph operation is in", at, Severity::critical, Severity::critical, {{"module", std::string(module)}});
}

/// Functions called while importing run at import, and so do those that they call.
void Analyser::settle() {
  std::vector<std::string> open(run_at_import_.begin(), run_at_import_.end());
  while (!open.empty()) {
    const std::string function = std::move(open.back());
    open.pop_back();
    const auto reached = calls_.find(function);
    if (reached == calls_.end()) continue;
    for (const std::string& next : reached->second) {
      if (run_at_import_.insert(next).second) open.push_back(next);
    }
  }
  for (Pending& pending : pending_) {
    if (!pending.owner.empty() && run_at_import_.count(pending.owner) != 0) pending.finding.severity = pending.if_imported;
    out_.findings.push_back(std::move(pending.finding));
  }
}

}  // namespace modelaudit::detect::python
