#include "sources/mlflow_reference.hpp"

#include <algorithm>

#include "sources/http_client.hpp"
#include "sources/names.hpp"

namespace modelaudit::sources::mlflow {
namespace {

constexpr std::string_view k_models = "models:/";
constexpr std::string_view k_runs = "runs:/";
constexpr std::size_t k_hex_digits = 32;
constexpr std::size_t k_longest_version = 18;

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_latest(std::string_view text) {
  constexpr std::string_view latest = "latest";
  return std::equal(text.begin(), text.end(), latest.begin(), latest.end(), [](char a, char b) { return (a | 0x20) == b; });
}

[[noreturn]] void refuse(const std::string& why) {
  throw SourceFailure(Errc::refused, why + "; write models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME@ALIAS or runs:/ID/PATH");
}

/// Takes the first component off the front.
std::string take_component(std::string_view& rest) {
  const auto slash = std::min(rest.find('/'), rest.size());
  std::string component(rest.substr(0, slash));
  rest.remove_prefix(std::min(slash + 1, rest.size()));
  return component;
}

void check_name(const std::string& name, const char* what) {
  if (const auto why = why_unusable_encoded(name)) refuse(std::string("the ") + what + " in the reference will not do (" + *why + ")");
}

/// Each component of a path of the server's or the user's can be a name here.
std::optional<std::string> why_unusable_all(std::string_view path) {
  while (!path.empty()) {
    if (auto why = why_unusable_encoded(take_component(path))) return why;
  }
  return std::nullopt;
}

Reference parse_models(std::string_view rest) {
  Reference out;
  std::string first = take_component(rest);
  const auto at = first.rfind('@');
  if (at != std::string::npos) {
    out.kind = Reference::Kind::alias;
    out.which = first.substr(at + 1);
    first.resize(at);
    check_name(out.which, "alias");
  } else if (first.size() == 2 + k_hex_digits && first.starts_with("m-") && is_hex(std::string_view(first).substr(2))) {
    out.kind = Reference::Kind::logged_model;
  } else {
    out.which = take_component(rest);
    if (out.which.empty()) refuse("the reference names a model, but no version of it");
    check_name(out.which, "version");
    out.kind = is_latest(out.which)    ? Reference::Kind::latest
               : is_digits(out.which) ? Reference::Kind::version
                                      : Reference::Kind::stage;
    if (out.kind == Reference::Kind::version && out.which.size() > k_longest_version) refuse("the version has too many digits");
  }
  out.name = std::move(first);
  check_name(out.name, "model's name");
  out.below = rest;
  return out;
}

Reference parse_runs(std::string_view rest) {
  Reference out;
  out.kind = Reference::Kind::run;
  out.name = take_component(rest);
  const bool plain = std::all_of(out.name.begin(), out.name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
  if (out.name.empty() || !plain) refuse("the reference names no run");
  out.below = rest;
  return out;
}

std::string trimmed(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

Root proxied(std::string_view path) {
  ProxiedRoot root{trimmed(path)};
  if (const auto why = why_unusable_all(root.path)) {
    throw SourceFailure(Errc::refused, "the server says that the artifacts are at a path with " + *why + "; not fetched");
  }
  return root;
}

/// "//host/path" behind the scheme, or "/path".
Root proxied_at(std::string_view rest, std::string_view own) {
  if (!rest.starts_with("//")) return proxied(rest);
  rest.remove_prefix(2);
  const std::string host = take_component(rest);
  if (!host.empty() && host != own) {
    throw SourceFailure(Errc::unsupported, "the artifacts are behind another server, " + host + "; set MLFLOW_TRACKING_URI to it");
  }
  return proxied(rest);
}

Root local(std::string_view path) {
  LocalRoot root{"/" + trimmed(path)};
  if (const auto why = why_unusable_all(std::string_view(root.path).substr(1))) {
    throw SourceFailure(Errc::refused, "the artifacts are said to be in a folder with " + *why + "; not read");
  }
  return root;
}

}  // namespace

bool has_form(std::string_view reference) noexcept { return reference.starts_with(k_models) || reference.starts_with(k_runs); }

Reference parse_reference(std::string_view reference) {
  const bool models = reference.starts_with(k_models);
  std::string_view rest = reference.substr((models ? k_models : k_runs).size());
  if (rest.starts_with('/')) refuse("the reference has more than one slash after the colon");
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty()) refuse("the reference names nothing");
  Reference out = models ? parse_models(rest) : parse_runs(rest);
  if (const auto why = why_unusable_all(out.below)) refuse("the path in the reference has " + *why);
  return out;
}

Root parse_root(std::string_view uri, std::string_view own) {
  constexpr std::string_view k_proxied = "mlflow-artifacts:";
  if (uri.starts_with(k_proxied)) return proxied_at(uri.substr(k_proxied.size()), own);
  if (uri.starts_with("file:///")) return local(uri.substr(7));
  if (uri.starts_with("file:/") && !uri.starts_with("file://")) return local(uri.substr(5));
  if (uri.starts_with('/') && !uri.starts_with("//")) return local(uri);
  const std::string_view scheme = uri.substr(0, std::min(uri.find(':'), std::size_t{20}));
  const bool plain = !scheme.empty() && scheme.size() < uri.size() && std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
  if (!plain) throw SourceFailure(Errc::unsupported, "the server says that the artifacts are at a relative path, which means something on that server only");
  throw SourceFailure(Errc::unsupported, "the artifacts are in a storage that is not supported yet (" + std::string(scheme) +
                                             "://); let the server proxy them (mlflow server --serve-artifacts), or download and scan the files");
}

bool is_allowed(std::string_view path, const std::vector<std::string>& allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&](std::string_view entry) {
    if (entry.starts_with("file://")) entry.remove_prefix(7);
    while (entry.size() > 1 && entry.ends_with('/')) entry.remove_suffix(1);
    if (!entry.starts_with('/') || entry.find("/..") != std::string_view::npos || entry.find('%') != std::string_view::npos) return false;
    return path == entry || entry == "/" || (path.starts_with(entry) && path[entry.size()] == '/');
  });
}

}  // namespace modelaudit::sources::mlflow
