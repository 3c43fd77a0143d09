#include "dry_run.hpp"

#include <algorithm>
#include <modelaudit/report.hpp>
#include <nlohmann/json.hpp>

namespace modelaudit::cli {

namespace fs = std::filesystem;

namespace {

class Planner {
 public:
  Planner(DryRun& plan, const Options& options) : plan_(plan), options_(options) {}

  void add(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    switch (status.type()) {
      case fs::file_type::regular:
        return add_file(path);
      case fs::file_type::directory:
        return add_folder(path);
      case fs::file_type::not_found:
        return fail(path, Errc::not_found, "there is no such file or folder");
      case fs::file_type::none:
        return fail(path, Errc::io_error, error.message());
      default:
        return fail(path, Errc::unsupported, "not a regular file; it would not be scanned");
    }
  }

 private:
  void fail(const fs::path& path, Errc code, std::string message) {
    plan_.errors.push_back({path.string(), code, std::move(message)});
  }

  void add_file(const fs::path& path) {
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (error) return fail(path, Errc::io_error, error.message());
    plan_.files.push_back(planned(path.string(), size, options_));
  }

  void add_folder(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      entries.push_back(*it);
    if (error) fail(folder, Errc::io_error, error.message());
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.path().native() < b.path().native(); });
    for (const fs::directory_entry& entry : entries) {
      std::error_code ignored;  // a broken link shows as not found in add()
      if (entry.is_symlink(ignored) && entry.is_directory(ignored)) continue;
      add(entry.path());
    }
  }

  DryRun& plan_;
  const Options& options_;
};

std::uint64_t total_bytes(const std::vector<PlannedFile>& files) {
  std::uint64_t total = 0;
  for (const PlannedFile& file : files) total += file.size.value_or(0);
  return total;
}

}  // namespace

PlannedFile planned(std::string path, std::optional<std::uint64_t> size, const Options& options) {
  const auto& limit = options.limits.file_size;
  return {std::move(path), size, limit && size && *size > *limit};
}

DryRun plan_scan(const std::vector<fs::path>& targets, std::vector<TargetError> errors, const Options& options) {
  DryRun plan;
  Planner planner(plan, options);
  for (const fs::path& target : targets) planner.add(target);
  plan.errors.insert(plan.errors.end(), errors.begin(), errors.end());
  return plan;
}

std::string DryRun::as_text() const {
  std::string out;
  for (const PlannedFile& file : files) {
    out += escape_for_terminal(file.path) + "  " + (file.size ? std::to_string(*file.size) + " bytes" : "size unknown");
    out += file.too_large ? ", larger than --max-size: would not be scanned\n" : "\n";
  }
  for (const TargetError& error : errors) {
    out += "NOT SCANNED  " + escape_for_terminal(error.path) + ": " + error.message + "\n";
  }
  return out + "Dry run: " + std::to_string(files.size()) + " files, " + std::to_string(total_bytes(files)) +
         " bytes; nothing was scanned.\n";
}

std::string DryRun::as_json() const {
  using Json = nlohmann::ordered_json;
  Json previews = Json::array();
  for (const PlannedFile& file : files) {
    previews.push_back({{"path", file.path}, {"size", file.size ? Json(*file.size) : Json()}, {"too_large", file.too_large}});
  }
  Json failed = Json::array();
  for (const TargetError& error : errors) {
    failed.push_back({{"path", error.path}, {"code", to_string(error.code)}, {"message", error.message}});
  }
  const Json out = {{"dry_run", true},
                    {"previews", std::move(previews)},
                    {"errors", std::move(failed)},
                    {"total_files", files.size()},
                    {"total_bytes", total_bytes(files)}};
  return out.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace modelaudit::cli
