#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "detect/paths.hpp"
#include "detect/paths/unicode.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect {

namespace {

constexpr std::uint64_t k_max_steps = 100'000;  // components walked over all links of one archive
constexpr std::size_t k_max_follows = 40;       // Linux: MAXSYMLINKS
constexpr std::size_t k_path_max = 4096;        // Linux: PATH_MAX

std::string with_slashes(std::string_view path) {
  std::string out(path.substr(0, path.find('\0')));
  std::replace(out.begin(), out.end(), '\\', '/');
  return out;
}

bool is_absolute(std::string_view path) {
  if (path.starts_with('/')) return true;
  const bool letter = path.size() >= 3 && ((path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z');
  return letter && path[1] == ':' && path[2] == '/';
}

/// `../../blobs/<sha-1 or sha-256>`: how snapshots of the Hugging Face cache point to their content.
bool is_hub_cache_target(std::string_view target) {
  bool climbed = false;
  while (target.starts_with("../")) {
    target.remove_prefix(3);
    climbed = true;
  }
  if (!climbed || !target.starts_with("blobs/")) return false;
  target.remove_prefix(6);
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return (target.size() == 40 || target.size() == 64) && std::all_of(target.begin(), target.end(), is_hex);
}

/// Pushes the components of `path` so that the first is on top.
void push_components(std::string_view path, std::vector<std::string>& pending) {
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string_view part = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!part.empty() && part != ".") pending.emplace_back(part);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  }
}

std::string join(const std::vector<std::string>& parts, std::size_t climbed) {
  std::string out;
  for (std::size_t i = 0; i < climbed; ++i) out.append("../");
  for (const std::string& part : parts) {
    if (!out.empty() && out.back() != '/') out.push_back('/');
    out.append(part);
  }
  return out;
}

}  // namespace

// Walks `path` from the folder `start` as the kernel would, following the archive's links. The state is a list of
// components, and how far above the root it stands (those are never followed: nothing is known there).
LinkJudgement LinkTree::resolve(std::string_view start, std::string_view path, bool follow_last) {
  LinkJudgement out;
  std::vector<std::string> here;
  std::vector<std::string> pending;
  std::size_t climbed = 0;
  std::size_t follows = 0;
  std::size_t longest = 0;
  push_components(path, pending);
  push_components(start, pending);
  while (!pending.empty()) {
    if (++steps_ > k_max_steps) {
      out.exhausted = true;
      break;
    }
    const std::string part = std::move(pending.back());
    pending.pop_back();
    if (part == "..") {
      if (here.empty()) {
        ++climbed;
        out.escapes = true;
      } else {
        here.pop_back();
      }
      continue;
    }
    here.push_back(part);
    std::size_t length = 0;
    for (const std::string& component : here) length += component.size() + 1;
    longest = std::max(longest, length);
    if (climbed != 0 || (pending.empty() && !follow_last)) continue;
    const auto link = links_.find(join(here, 0));
    if (link == links_.end()) continue;
    if (++follows > k_max_follows) {
      out.looping = true;
      break;
    }
    out.through_link = true;
    here.pop_back();
    if (is_absolute(link->second)) {
      out.absolute = out.escapes = true;
      out.resolved = link->second;
      return out;
    }
    push_components(link->second, pending);
  }
  out.overlong = longest >= k_path_max;
  out.resolved = join(here, climbed);
  return out;
}

LinkJudgement LinkTree::add_link(std::string_view normalised_name, std::string_view raw_target, LinkKind kind) {
  const std::string target = with_slashes(raw_target);
  const std::size_t slash = normalised_name.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? std::string_view() : normalised_name.substr(0, slash);
  // Where the link itself comes to lie, over earlier links: its target counts from there.
  const LinkJudgement place = resolve({}, normalised_name, false);
  // Known from here on, so that a link to itself is seen as a loop.
  if (kind == LinkKind::symbolic && !place.escapes) links_.insert_or_assign(place.resolved, target);
  LinkJudgement out;
  if (is_absolute(target)) {
    out.absolute = out.escapes = true;
    out.resolved = target;
  } else {
    out = resolve(kind == LinkKind::symbolic ? folder : std::string_view(), target, true);
  }
  out.hub_cache = kind == LinkKind::symbolic && is_hub_cache_target(target);
  out.escapes = out.escapes || place.escapes;
  out.through_link = place.through_link;
  out.overlong = out.overlong || place.overlong;
  out.exhausted = out.exhausted || place.exhausted;
  return out;
}

LinkJudgement LinkTree::place(std::string_view normalised_name) {
  if (links_.empty()) {
    LinkJudgement out;
    out.resolved = normalised_name;
    return out;
  }
  // A plain member replaces a link of its own name in some extractors and is written through it in others: follow it.
  return resolve({}, normalised_name, true);
}

std::vector<Finding> link_findings(const LinkJudgement& link, std::string_view name, std::string_view target, const Location& where) {
  std::vector<Finding> out;
  const auto add = [&](const Rule& rule, std::string message) {
    out.emplace_back(rule, std::move(message), where,
                     Details{{"name", std::string(name)}, {"target", std::string(target)}, {"resolved", link.resolved}});
  };
  if (link.absolute) {
    add(rules::link_escape, "Link points to an absolute path");
  } else if (link.escapes && link.hub_cache) {
    add(rules::link_escape, "Link of a model cache points to its store of blobs, outside this archive");
    out.back().severity = Severity::info;
  } else if (link.escapes) {
    add(rules::link_escape, link.through_link ? "Link leads out of the archive's folder over an earlier link"
                                              : "Link points out of the archive's folder");
  }
  if (link.overlong) add(rules::link_overlong, "Link resolves to a path longer than the system allows");
  if (link.looping) add(rules::link_loop, "Link takes part in a loop");
  return out;
}

std::vector<Finding> placement_findings(const LinkJudgement& place, std::string_view name, const Location& where) {
  std::vector<Finding> out;
  if (place.escapes && place.through_link) {
    out.emplace_back(rules::link_write_through, "Member is written through an earlier link to a place outside the archive's folder",
                     where, Details{{"name", std::string(name)}, {"resolved", place.resolved}});
  }
  if (place.overlong && place.through_link) {
    out.emplace_back(rules::link_overlong, "Member resolves to a path longer than the system allows", where,
                     Details{{"name", std::string(name)}});
  }
  return out;
}

}  // namespace modelaudit::detect
