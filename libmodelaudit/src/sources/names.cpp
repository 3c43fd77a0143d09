#include "sources/names.hpp"

#include <algorithm>
#include <array>

#include "sources/url.hpp"

namespace modelaudit::sources {
namespace {

constexpr std::size_t k_longest_component = 240;
constexpr std::size_t k_longest_path = 4096;
constexpr int k_decodings = 3;

/// "con", "NUL.txt", "com1": devices on Windows, whatever the suffix.
bool is_device(std::string_view component) {
  std::string stem(component.substr(0, component.find('.')));
  while (stem.ends_with(' ')) stem.pop_back();
  for (char& c : stem) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  constexpr std::array<std::string_view, 6> names{"con", "prn", "aux", "nul", "conin$", "conout$"};
  if (std::find(names.begin(), names.end(), stem) != names.end()) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) && stem[3] >= '1' && stem[3] <= '9';
}

}  // namespace

std::optional<std::string> why_unusable(std::string_view component) {
  if (component.empty()) return "an empty name";
  if (component == "." || component == "..") return "a name that leads elsewhere";
  if (component.size() > k_longest_component) return "a name of more than 240 bytes";
  for (const char c : component) {
    if (c == '/' || c == '\\') return "a separator in a name";
    if (c == ':') return "a colon in a name";
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "a control character in a name";
  }
  if (component.ends_with('.') || component.ends_with(' ')) return "a name that ends in a dot or a space";
  if (is_device(component)) return "a name that is a device on Windows";
  return std::nullopt;
}

std::optional<std::string> why_unusable_path(std::string_view name) {
  if (name.size() > k_longest_path) return "a path of more than 4,096 bytes";
  for (std::size_t at = 0;;) {
    const auto slash = std::min(name.find('/', at), name.size());
    if (auto why = why_unusable(name.substr(at, slash - at))) return why;
    if (slash == name.size()) return std::nullopt;
    at = slash + 1;
  }
}

std::optional<std::string> why_unusable_encoded(std::string_view component) {
  std::string text(component);
  for (int i = 0;; ++i) {
    if (auto why = why_unusable(text)) return why;
    auto decoded = percent_decode(text);
    if (!decoded || *decoded == text) return std::nullopt;
    if (i == k_decodings) return "a name that is percent-encoded over and over";
    text = *std::move(decoded);
  }
}

}  // namespace modelaudit::sources
