#include "remote.hpp"

#include <dlfcn.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <modelaudit/auditor.hpp>

#include "paths.hpp"

namespace modelaudit::cli {

namespace fs = std::filesystem;

void declare_source_options(CLI::App& app, SourceWords& words) {
  app.add_flag("--stream", words.stream, "Fetch one file of a reference, scan it, delete it; keep none on the disk");
  app.add_option("--allow-host", words.allowed_hosts, "Fetch from this host though its address is private or it lacks TLS")
      ->type_name("HOST[:PORT],...")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--keep-downloads", words.keep_downloads, "Keep fetched files in the cache folder up to this size; 0: none")
      ->type_name("SIZE")
      ->default_str("20GB");
}

SourceOptions source_options(const SourceWords& words, const SourceFunctions& functions,
                             std::chrono::milliseconds time_limit) {
  SourceOptions options = functions.options_from_environment();
  options.allowed_hosts = words.allowed_hosts;
  options.time_limit = time_limit;
  options.request_time_limit = std::min(options.request_time_limit, time_limit);
  options.stream = words.stream;
  if (words.keep_downloads == "0")
    options.store_size = 0;
  else if (!words.keep_downloads.empty())
    options.store_size = parse_size(words.keep_downloads);
  return options;
}

bool is_remote(std::string_view word) {
  if (word.starts_with("models:/") || word.starts_with("runs:/")) return true;
  const auto colon = word.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
           c == '.';
  });
}

std::string without_secrets(std::string_view reference) {
  std::string text(reference.substr(0, reference.find_first_of("?#")));
  const auto slashes = text.find("://");
  if (slashes == std::string::npos) return text;
  const auto host_end = std::min(text.find('/', slashes + 3), text.size());
  const auto at = text.rfind('@', host_end);
  if (at != std::string::npos && at > slashes) text.erase(slashes + 3, at - slashes - 2);
  return text;
}

#if defined(MODELAUDIT_WITHOUT_SOURCES)

const SourceFunctions* source_functions(std::string& why) {
  why = "this program was built without sources on servers; download the model and scan the files";
  return nullptr;
}

#elif defined(MODELAUDIT_SOURCES_LINKED)

const SourceFunctions* source_functions(std::string&) {
  return modelaudit_source_functions();
}

#else

namespace {

/// Beside the library that this program runs with, wherever that is; nothing when it cannot be told.
fs::path beside_the_core() {
  Dl_info info{};
  const auto known = reinterpret_cast<const void*>(&library_version);
  if (dladdr(known, &info) == 0 || info.dli_fname == nullptr) return {};
  return fs::path(info.dli_fname).parent_path() / MODELAUDIT_SOURCES_SONAME;
}

void* load() {
  std::error_code error;
  const fs::path near = beside_the_core();
  if (!near.empty() && near.is_absolute() && fs::exists(near, error)) return dlopen(near.c_str(), RTLD_NOW | RTLD_LOCAL);
  return dlopen(MODELAUDIT_SOURCES_SONAME, RTLD_NOW | RTLD_LOCAL);
}

}  // namespace

const SourceFunctions* source_functions(std::string& why) {
  static const SourceFunctions* functions = [] {
    void* library = load();  // stays loaded as long as the program runs
    void* symbol = library == nullptr ? nullptr : dlsym(library, "modelaudit_source_functions");
    return symbol == nullptr ? nullptr : reinterpret_cast<const SourceFunctions* (*)()>(symbol)();
  }();
  if (functions == nullptr) {
    why = "scanning on servers needs " MODELAUDIT_SOURCES_SONAME
          ", which is not installed; install it, or download the model and scan the files";
  } else if (functions->version != library_version()) {
    why = "the installed " MODELAUDIT_SOURCES_SONAME " is of version " + std::string(functions->version) + ", this program of " +
          std::string(library_version()) + "; install both of one version";
    return nullptr;
  }
  return functions;
}

#endif

}  // namespace modelaudit::cli
