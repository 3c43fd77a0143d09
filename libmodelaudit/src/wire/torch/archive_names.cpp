#include "wire/torch/archive_names.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace modelaudit::wire::torch {

namespace {

constexpr std::size_t k_most_roots = 64;

/// What follows the innermost root that `name` lies in.
std::optional<std::string_view> below_root(const ArchiveLayout& layout, std::string_view name) {
  std::optional<std::string_view> best;
  for (const std::string& root : layout.roots) {
    if (name.size() <= root.size() || !name.starts_with(root)) continue;
    const std::string_view rest = name.substr(root.size());
    if (!best || rest.size() < best->size()) best = rest;
  }
  return best;
}

bool is_plain_key(std::string_view key) {
  return !key.empty() && key.find_first_of("/.") == std::string_view::npos;
}

/// "prefix" then digits: weight_12, tensor_0.
bool is_numbered(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() == prefix.size()) return false;
  return name.find_first_not_of("0123456789", prefix.size()) == std::string_view::npos;
}

bool is_storage(std::string_view rest) {
  for (const std::string_view folder : {"data/", "constants/"}) {
    if (rest.starts_with(folder) && is_plain_key(rest.substr(folder.size()))) return true;
  }
  if (rest.starts_with(".data/") && rest.ends_with(".storage")) return true;  // torch.package
  const std::size_t slash = rest.rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view base = rest.substr(slash + 1);
  return is_numbered(base, "weight_") || is_numbered(base, "tensor_");  // torch.export
}

}  // namespace

void LayoutFinder::add_root(std::string_view name) {
  for (const std::string_view marker : {"data.pkl", "archive_format"}) {
    if (!name.ends_with(marker)) continue;
    const std::string_view root = name.substr(0, name.size() - marker.size());
    if (!root.empty() && root.back() != '/') continue;
    if (marker == "archive_format") layout_.is_export = true;
    const bool is_known = std::find(layout_.roots.begin(), layout_.roots.end(), root) != layout_.roots.end();
    if (!is_known && layout_.roots.size() < k_most_roots) layout_.roots.emplace_back(root);
  }
}

void LayoutFinder::add_sibling(std::string_view name) {
  const auto rest = below_root(layout_, name);
  if (!rest) return;
  constexpr std::array<std::string_view, 7> k_siblings = {"version",       "byteorder",        "constants.pkl",
                                                          ".format_version", ".data/version", ".data/serialization_id",
                                                          "bytecode.pkl"};
  const bool is_sibling = std::find(k_siblings.begin(), k_siblings.end(), *rest) != k_siblings.end();
  layout_.has_siblings = layout_.has_siblings || is_sibling || (rest->starts_with("data/") && is_plain_key(rest->substr(5)));
  layout_.has_code = layout_.has_code || rest->starts_with("code/");
  layout_.is_package = layout_.is_package || *rest == ".data/extern_modules";
}

MemberKind kind_of(const ArchiveLayout& layout, std::string_view name) {
  const auto rest = below_root(layout, name);
  if (!rest) return name.ends_with(".py") ? MemberKind::python_source : MemberKind::other;
  if (*rest == "data.pkl") return MemberKind::object;
  if (rest->ends_with(".pkl") || rest->ends_with(".debug_pkl")) return MemberKind::pickle;
  if (rest->ends_with(".py")) return rest->starts_with("code/") ? MemberKind::torchscript_source : MemberKind::python_source;
  if (*rest == "version" || *rest == ".data/version") return MemberKind::version;
  if (*rest == "byteorder") return MemberKind::byteorder;
  return is_storage(*rest) ? MemberKind::storage : MemberKind::other;
}

std::string_view storage_key(const ArchiveLayout& layout, std::string_view name) {
  const auto rest = below_root(layout, name);
  if (!rest || !rest->starts_with("data/") || !is_plain_key(rest->substr(5))) return {};
  return rest->substr(5);
}

bool is_tar_layout(const std::vector<std::string>& names) {
  const auto has = [&](std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  return has("pickle") && has("storages") && has("tensors");
}

}  // namespace modelaudit::wire::torch
