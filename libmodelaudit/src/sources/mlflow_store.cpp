#include "sources/mlflow_store.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "sources/http_client.hpp"

namespace modelaudit::sources::mlflow {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_longest_meta = std::size_t{1} << 20;
constexpr std::string_view k_version_folder = "version-";

/// The whole of a small regular file; nothing when it is none.
std::optional<std::string> read_small(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > k_longest_meta || error) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::string text(k_longest_meta, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || !in.is_open()) return std::nullopt;
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Without the quotes of YAML; only what MLflow writes is understood.
std::string unquoted(std::string_view text) {
  const char quote = text.empty() ? '\0' : text.front();
  if (text.size() < 2 || (quote != '\'' && quote != '"') || text.back() != quote) return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = quote == '\'' ? text.substr(i, 2) == "''" : text[i] == '\\' && i + 1 < text.size();
    if (escaped) ++i;
    out += text[i];
  }
  return out;
}

[[noreturn]] void not_found(const std::string& what) { throw SourceFailure(Errc::not_found, "the tracking store has no " + what + "; check the spelling"); }

/// The newest version of a model, of those in a stage when one is named.
std::string newest_version(const fs::path& model, std::string_view stage) {
  std::uint64_t newest = 0;
  std::error_code error;
  for (fs::directory_iterator it(model, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(k_version_folder)) continue;
    const auto number = number_in(std::string_view(name).substr(k_version_folder.size()));
    if (!number || *number <= newest) continue;
    if (!stage.empty() && yaml_text(read_small(it->path() / "meta.yaml").value_or(""), "current_stage") != stage) continue;
    newest = *number;
  }
  if (newest == 0) not_found("version of this model" + (stage.empty() ? std::string() : " in stage " + std::string(stage)));
  return std::to_string(newest);
}

std::string version_of(const fs::path& model, const Reference& reference) {
  switch (reference.kind) {
    case Reference::Kind::alias: {
      const auto version = read_small(model / "aliases" / reference.which);
      if (!version || !number_in(trimmed(*version))) not_found("alias " + reference.which + " of this model");
      return std::string(trimmed(*version));
    }
    case Reference::Kind::stage: return newest_version(model, reference.which);
    case Reference::Kind::latest: return newest_version(model, "");
    default: return reference.which;
  }
}

/// `key` in the meta.yaml of a folder in one of the store's experiments.
std::string in_experiments(const fs::path& store, const fs::path& below, std::string_view key) {
  std::error_code error;
  for (fs::directory_iterator it(store, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename() == "models") continue;
    const auto meta = read_small(it->path() / below / "meta.yaml");
    if (!meta) continue;
    if (std::string text = yaml_text(*meta, key); !text.empty()) return text;
  }
  not_found(below.filename().string());
}

}  // namespace

std::optional<fs::path> store_folder(std::string_view uri) {
  if (uri.starts_with("file://")) uri.remove_prefix(7);
  else if (uri.starts_with("file:")) uri.remove_prefix(5);
  else if (uri.find(':') != std::string_view::npos || uri == "databricks") return std::nullopt;
  if (uri.empty()) return std::nullopt;
  return fs::path(uri);
}

std::string yaml_text(std::string_view yaml, std::string_view key) {
  std::string value;
  bool inside = false;
  while (!yaml.empty()) {
    const auto end = std::min(yaml.find('\n'), yaml.size());
    const std::string_view line = yaml.substr(0, end);
    yaml.remove_prefix(std::min(end + 1, yaml.size()));
    if (inside && line.starts_with(' ')) {
      value += " " + std::string(trimmed(line));
    } else if (inside) {
      break;
    } else if (line.starts_with(key) && line.substr(key.size()).starts_with(':')) {
      value = trimmed(line.substr(key.size() + 1));
      inside = true;
    }
  }
  return value == "null" ? std::string() : unquoted(value);
}

StoreEntry find_in_store(const fs::path& store, const Reference& reference) {
  if (reference.kind == Reference::Kind::run) return {"", in_experiments(store, reference.name, "artifact_uri")};
  if (reference.kind == Reference::Kind::logged_model) {
    return {"", in_experiments(store, fs::path("models") / reference.name, "artifact_location")};
  }
  const fs::path model = store / "models" / reference.name;
  const std::string version = version_of(model, reference);
  const auto meta = read_small(model / (std::string(k_version_folder) + version) / "meta.yaml");
  if (!meta) not_found("version " + version + " of a model " + reference.name);
  std::string uri = yaml_text(*meta, "storage_location");
  if (uri.empty()) uri = yaml_text(*meta, "source");
  if (uri.empty()) not_found("place of the artifacts of version " + version);
  return {version, uri};
}

}  // namespace modelaudit::sources::mlflow
