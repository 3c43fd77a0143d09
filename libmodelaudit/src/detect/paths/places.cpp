#include "detect/paths/places.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "detect/paths/unicode.hpp"

namespace modelaudit::detect {

namespace {

constexpr std::array<std::string_view, 6> k_devices{"con", "prn", "aux", "nul", "conin$", "conout$"};

constexpr std::array<std::string_view, 27> k_executable_extensions{
    ".bat", ".cmd", ".com",  ".command", ".cpl", ".dll", ".dylib", ".exe", ".hta",     ".jar", ".js",  ".jse", ".lnk", ".msi",
    ".pif", ".ps1", ".pyd",  ".scr",     ".sh",  ".so",  ".sys",   ".vbe", ".vbs",     ".wsf", ".wsh", ".reg", ".scpt"};

/// Entries that end in `/` are folders: anything inside counts. Matched at a component boundary, lower case.
constexpr std::array<std::string_view, 32> k_autorun{
    ".ssh/",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".xprofile",
    ".xsessionrc",
    ".config/autostart/",
    ".config/systemd/user/",
    ".config/fish/config.fish",
    ".config/fish/conf.d/",
    ".git/hooks/",
    ".ipython/profile_default/startup/",
    ".jupyter/jupyter_notebook_config.py",
    ".jupyter/jupyter_server_config.py",
    "sitecustomize.py",
    "usercustomize.py",
    "library/launchagents/",
    "library/launchdaemons/",
    "start menu/programs/startup/",
    "etc/cron.d/",
    "etc/cron.daily/",
    "etc/cron.hourly/",
    "etc/crontab",
    "etc/profile.d/",
    "etc/ld.so.preload",
    "etc/systemd/system/",
    "var/spool/cron/",
};

constexpr std::array<std::string_view, 18> k_sensitive{
    "etc/",       "proc/",       "sys/",           "dev/",         "root/",        ".ssh/",
    ".aws/",      ".kube/",      ".docker/",       ".gnupg/",      ".netrc",       ".git-credentials",
    ".pypirc",    ".npmrc",      ".config/gcloud/", "windows/system32/", "windows/win.ini", ".cache/huggingface/token"};

/// Does `entry` stand in `path` (both lower case) at a component boundary?
bool stands_in(std::string_view path, std::string_view entry) {
  const bool folder = entry.ends_with('/');
  for (std::size_t at = path.find(entry); at != std::string_view::npos; at = path.find(entry, at + 1)) {
    const bool starts = at == 0 || path[at - 1] == '/';
    const std::size_t end = at + entry.size();
    if (starts && (folder ? end < path.size() : end == path.size())) return true;
  }
  return false;
}

template <std::size_t N>
bool any_stands_in(std::string_view normalised, const std::array<std::string_view, N>& entries) {
  const std::string path = ascii_lower(normalised);
  return std::any_of(entries.begin(), entries.end(), [&](std::string_view entry) { return stands_in(path, entry); });
}

}  // namespace

bool is_device_name(std::string_view component) {
  std::string stem = ascii_lower(component.substr(0, component.find('.')));
  while (!stem.empty() && stem.back() == ' ') stem.pop_back();
  if (std::find(k_devices.begin(), k_devices.end(), stem) != k_devices.end()) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) && stem[3] >= '1' && stem[3] <= '9';
}

bool is_executable_extension(std::string_view extension) {
  return std::find(k_executable_extensions.begin(), k_executable_extensions.end(), extension) != k_executable_extensions.end();
}

bool is_autorun_place(std::string_view normalised) {
  if (ascii_lower(normalised).ends_with(".sample")) return false;  // git ships inert examples of its hooks
  // `*.pth` in a folder that Python reads at start-up: a line that begins with "import" is run (docs: site). Elsewhere
  // the extension is PyTorch's.
  const std::string lower = ascii_lower(normalised);
  if (lower.ends_with(".pth")) {
    const std::size_t slash = lower.rfind('/');
    const std::string_view folder = std::string_view(lower).substr(0, slash == std::string::npos ? 0 : slash);
    if (folder.ends_with("site-packages") || folder.ends_with("dist-packages")) return true;
  }
  return any_stands_in(normalised, k_autorun);
}

bool is_sensitive_place(std::string_view normalised) { return any_stands_in(normalised, k_sensitive); }

}  // namespace modelaudit::detect
