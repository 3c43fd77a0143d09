#include "detect/payload/payload.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "detect/executables.hpp"

namespace modelaudit::detect {
namespace {

struct MagicRow {
  std::string_view magic;
  std::string_view name;
};

using namespace std::string_view_literals;

// Containers and streams whose magic is long enough, together with the fields that identify_payload() checks.
constexpr std::array<MagicRow, 9> k_containers{{
    {"PK\x03\x04"sv, "ZIP archive"},
    {"PK\x05\x06"sv, "ZIP archive"},
    {"\x1F\x8B\x08"sv, "gzip stream"},
    {"\xFD"
     "7zXZ\0"sv,
     "xz stream"},
    {"BZh"sv, "bzip2 stream"},
    {"7z\xBC\xAF\x27\x1C"sv, "7z archive"},
    {"Rar!\x1A\x07"sv, "RAR archive"},
    {"\x28\xB5\x2F\xFD"sv, "Zstandard stream"},
    {"\x93NUMPY"sv, "NumPy array"},
}};

// First bytes of the executables that identify_executable() knows.
constexpr std::array<std::string_view, 11> k_executable_magics{
    "MZ"sv,               "\x7F"
                          "ELF"sv,
    "\xFE\xED\xFA"sv,     "\xCE\xFA\xED\xFE"sv, "\xCF\xFA\xED\xFE"sv, "\xCA\xFE\xBA\xBE"sv, "\xBE\xBA\xFE\xCA"sv,
    "dex\n"sv,            "\0asm"sv,            "#!"sv,               "\x4C\0\0\0\x01\x14\x02\0"sv,
};

bool zip_record_holds(ByteView v) {
  if (v.has(0, "PK\x05\x06")) return v.size() >= 22 && v.le<std::uint16_t>(4) == 0 && v.le<std::uint16_t>(6) == 0;
  // Local header (APPNOTE 4.3.7): version needed, method, name length.
  const auto version = v.le<std::uint16_t>(4);
  const auto method = v.le<std::uint16_t>(8);
  const auto name_length = v.le<std::uint16_t>(26);
  if (!version || !method || !name_length) return false;
  return (*version & 0xFF) <= 63 && *method <= 99 && *name_length > 0 && *name_length <= 4096;
}

bool container_holds(ByteView v, const MagicRow& row) {
  if (row.name == "ZIP archive") return zip_record_holds(v);
  if (row.name == "gzip stream") return v.size() >= 18 && v[3] <= 0x1F;
  if (row.name == "bzip2 stream") return v.size() >= 10 && v[3] >= '1' && v[3] <= '9' && v.has(4, "1AY&SY");
  // Frame header: the reserved bit is zero (RFC 8878, 3.1.1.1.1).
  if (row.name == "Zstandard stream") return v.size() >= 9 && (v[4] & 0x08) == 0;
  return true;
}

// In order, so that a region of gigabytes is never held.
bool all_zero(ScanContext& context, ByteRange region) {
  const auto reader = context.stream();
  reader->advance(region.offset);
  for (std::uint64_t left = region.length; left > 0;) {
    const ByteView window = reader->window(1).first(left);
    if (window.empty() || !window.all(0)) return false;
    left -= reader->advance(window.size());
  }
  return true;
}

}  // namespace

bool may_start_payload(ByteView prefix) noexcept {
  const auto starts = [&](std::string_view magic) { return prefix.starts_with(magic); };
  return std::any_of(k_executable_magics.begin(), k_executable_magics.end(), starts) ||
         std::any_of(k_containers.begin(), k_containers.end(), [&](const MagicRow& row) { return starts(row.magic); });
}

std::optional<std::string_view> identify_payload(ByteView window) {
  if (const auto kind = identify_executable(window, false)) return to_string(*kind);
  for (const MagicRow& row : k_containers) {
    if (window.starts_with(row.magic) && container_holds(window, row)) return row.name;
  }
  if (window.starts_with("#!")) {
    if (const auto script = identify_script(window)) return "script";
  }
  return std::nullopt;
}

void look_at_weights(ScanContext& context, ByteRange region, const Rule& rule, std::string_view name) {
  if (region.length == 0 || !may_start_payload(context.bytes(region.offset, std::min(region.length, k_payload_prefix)))) return;
  const auto what = identify_payload(context.bytes(region.offset, std::min(region.length, k_payload_window)));
  if (!what) return;
  Child child;
  child.name = name;
  child.content = region;
  const ChildOutcome outcome = context.scan_child(std::move(child));
  Finding finding(rule, "a tensor holds a " + std::string(*what) + " instead of numbers",
                  ScanContext::at(region.offset, region.length),
                  {{"tensor", std::string(name)}, {"content", std::string(*what)}});
  if (outcome.worst && *outcome.worst > finding.severity) finding.severity = *outcome.worst;
  context.report(std::move(finding));
}

Severity HiddenBytes::severity(Severity inert) const noexcept {
  return outcome.worst ? std::max(inert, *outcome.worst) : inert;
}

HiddenBytes examine_hidden(ScanContext& context, ByteRange region, std::string_view name) {
  HiddenBytes hidden;
  hidden.zero = all_zero(context, region);
  if (hidden.zero) {
    context.cover(region.offset, region.length);
    return hidden;
  }
  Child child;
  child.name = name;
  child.content = region;
  hidden.outcome = context.scan_child(std::move(child));
  return hidden;
}

}  // namespace modelaudit::detect
