#include "engine/walk.hpp"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <map>

#include "rules/catalogue.hpp"

namespace modelaudit::engine {
namespace {

namespace fs = boost::filesystem;

std::string message_for(const boost::system::error_code& error) {
  if (error == boost::system::errc::no_such_file_or_directory || error == boost::system::errc::not_a_directory) {
    return "there is no such file or folder; check the spelling";
  }
  if (error == boost::system::errc::permission_denied) return "permission denied; run as a user who may read it";
  if (error == boost::system::errc::too_many_symbolic_link_levels) return "a chain of symbolic links that never ends";
  return "cannot be read: " + error.message();
}

class Walker {
 public:
  explicit Walker(ScanReport& report) : report_(report) {}

  void add_target(const Target& given) {
    target_ = &given;
    const fs::path target(given.path.string());
    boost::system::error_code error;
    const fs::file_status status = fs::status(target, error);
    if (status.type() == fs::directory_file) {
      root_ = fs::canonical(target, error);
      if (error) return fail(target, error);
      add_folder(target);
    } else if (status.type() == fs::regular_file) {
      add_file(target, given.from_folder);
    } else if (status.type() == fs::file_not_found && fs::symlink_status(target).type() == fs::symlink_file) {
      report_.errors.push_back({shown(target), Errc::not_found, "a symbolic link whose target does not exist"});
    } else if (status.type() == fs::file_not_found || status.type() == fs::status_error) {
      fail(target, error);
    } else {
      add_special(target);
    }
  }

  Walk found;

 private:
  /// A path at or below the target as reports say it.
  std::string shown(const fs::path& path) const {
    if (target_->shown.empty()) return path.string();
    return target_->shown + path.string().substr(target_->path.string().size());
  }

  void fail(const fs::path& path, const boost::system::error_code& error) {
    const bool missing = error == boost::system::errc::no_such_file_or_directory;
    report_.errors.push_back({shown(path), missing ? Errc::not_found : Errc::io_error, message_for(error)});
  }

  void add_special(const fs::path& path) {
    report_.errors.push_back({shown(path), Errc::unsupported, "a pipe, socket or device; only regular files and folders can be scanned"});
  }

  void add_file(const fs::path& path, bool from_folder) {
    boost::system::error_code error;
    const fs::path real = fs::canonical(path, error);
    add_file(path, from_folder, error ? path : real);
  }

  /// `real` is the path without links, by which a file that is reached twice is known.
  void add_file(const fs::path& path, bool from_folder, const fs::path& real) {
    const auto [known, is_new] = seen_.emplace(real.string(), found.files.size());
    if (is_new) {
      found.files.push_back({path.string(), shown(path), from_folder, target_});
    } else if (from_folder) {
      add_again(path, known->second, is_hub_blob(path, real));
    }
  }

  void add_again(const fs::path& path, std::size_t index, bool as_snapshot) {
    WalkedFile& first = found.files[index];
    if (is_one_place(path, fs::path(first.path.string()))) return;
    WalkedAlias alias{path.string(), shown(path), index};
    // Siblings are found by the names in the snapshot; that of the blob says nothing.
    if (as_snapshot && first.path.parent_path().filename() == "blobs") {
      std::swap(first.path, alias.path);
      std::swap(first.shown, alias.shown);
    }
    found.aliases.push_back(std::move(alias));
  }

  /// Two spellings of one folder, and the same name in it.
  static bool is_one_place(const fs::path& a, const fs::path& b) {
    boost::system::error_code error;
    return a.filename() == b.filename() && fs::equivalent(a.parent_path() / ".", b.parent_path() / ".", error) && !error;
  }

  void add_folder(const fs::path& folder) {
    boost::system::error_code error;
    std::vector<fs::path> entries;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) entries.push_back(it->path());
    if (error) fail(folder, error);
    std::sort(entries.begin(), entries.end(), [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
    // Once a folder: a look at every part of every file's path took half the time of a walk.
    const fs::path real = fs::canonical(folder, error);
    for (const fs::path& entry : entries) add_entry(entry, error ? folder : real);
  }

  void add_entry(const fs::path& entry, const fs::path& real_folder) {
    boost::system::error_code error;
    const fs::file_status status = fs::symlink_status(entry, error);
    switch (status.type()) {
      case fs::directory_file: return add_folder(entry);
      case fs::regular_file: return add_file(entry, true, real_folder / entry.filename());
      case fs::symlink_file: return add_link(entry);
      case fs::file_not_found:
      case fs::status_error: return fail(entry, error);
      default: return add_special(entry);
    }
  }

  void add_link(const fs::path& link) {
    boost::system::error_code error;
    const fs::path real = fs::canonical(link, error);
    if (error) {
      report_.errors.push_back({shown(link), Errc::not_found, "a symbolic link whose target does not exist"});
      return;
    }
    const fs::file_status status = fs::status(real, error);
    if (status.type() == fs::directory_file) {
      report_.skipped.push_back({shown(link), "link to a folder: not entered"});
      return;
    }
    if (status.type() != fs::regular_file) return add_special(link);
    if (!is_inside(real) && !is_hub_blob(link, real)) {
      Location where;
      where.path = shown(link);
      report_.findings.emplace_back(rules::folder_link_escape, "The link points to a file outside of the scanned folder",
                                    std::move(where), Details{{"target", real.string()}});
    }
    add_file(link, true);
  }

  bool is_inside(const fs::path& real) const {
    const std::string root = root_.string() == "/" ? "/" : root_.string() + "/";
    return real.string().compare(0, root.size(), root) == 0;
  }

  // The hub's cache keeps snapshots/<revision>/x as links to ../../blobs/<digest> of the same repository.
  static bool is_hub_blob(const fs::path& link, const fs::path& real) {
    const std::string target = real.string();
    const auto blobs = target.rfind("/blobs/");
    if (blobs == std::string::npos || target.find('/', blobs + 7) != std::string::npos) return false;
    boost::system::error_code error;
    const std::string from = fs::canonical(link.parent_path(), error).string();
    return !error && from.compare(0, blobs + 11, target.substr(0, blobs) + "/snapshots/", 0, blobs + 11) == 0;
  }

  ScanReport& report_;
  const Target* target_ = nullptr;
  fs::path root_;
  std::map<std::string, std::size_t> seen_;  // canonical path -> index in found.files
};

}  // namespace

Walk walk(std::span<const Target> targets, ScanReport& report) {
  Walker walker(report);
  for (const Target& target : targets) walker.add_target(target);
  return std::move(walker.found);
}

}  // namespace modelaudit::engine
