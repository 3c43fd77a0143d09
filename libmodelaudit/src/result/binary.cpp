#include "result/binary.hpp"

#include <utility>

#include "result/archive.hpp"

// One description of each type serves both directions, so that they cannot drift apart: `archive` is a Saver and the
// value const, or a Loader and the value is filled. k_min_... are the shortest forms in bytes, all texts and lists empty.

namespace modelaudit::result {
namespace {

constexpr std::uint64_t k_min_text = 4;                        // u32 length
constexpr std::uint64_t k_min_pair = 2 * k_min_text;           // two texts
constexpr std::uint64_t k_min_location = 1 + 4 + 3;            // same-path flag, member count, three presence flags
constexpr std::uint64_t k_min_finding = 4 + 1 + 4 + k_min_location + 4 + 4 + 1 + 4;
constexpr std::uint64_t k_min_gap = 1 + 4 + k_min_location;    // kind, text, place
constexpr std::uint64_t k_min_asset = 4 + 4 + 8;               // member count, format, size
constexpr std::uint64_t k_min_range = 8 + 8;
constexpr std::uint64_t k_min_identity = 4 + 5 * 8 + 4;
constexpr std::uint64_t k_min_question = 4 + 1;
constexpr std::uint64_t k_min_companion = 4 + 1 + k_min_identity + 4 + 32;
constexpr std::uint64_t k_min_listing = 4 + 4 + 4;

constexpr auto k_text = [](auto& archive, auto& value) { archive.text(value); };
constexpr auto k_number = [](auto& archive, auto& value) { archive.number(value); };
constexpr auto k_pair = [](auto& archive, auto& value) {
  archive.text(value.first);
  archive.text(value.second);
};
constexpr auto k_severity = [](auto& archive, auto& value) {
  archive.choice(value, Severity::debug, Severity::critical);
};

/// Locations name the file itself most of the time; `own` is the path of the result.
template <typename Archive, typename T>
void location(Archive& archive, T& value, const std::string& own) {
  archive.own_path(value.path, own);
  archive.list(value.members, k_min_text, k_text);
  archive.optional(value.offset, k_number);
  archive.optional(value.length, k_number);
  archive.optional(value.line, k_number);
}

template <typename Archive, typename T>
void finding(Archive& archive, T& value, const std::string& own) {
  archive.text(value.rule);
  k_severity(archive, value.severity);
  archive.text(value.message);
  location(archive, value.where, own);
  archive.list(value.details, k_min_pair, k_pair);
  archive.list(value.uncleared, k_min_text, k_text);
  archive.optional(value.severity_if_allowed, k_severity);
  archive.text(value.suppressed_by);
}

template <typename Archive, typename T>
void scan_result(Archive& archive, T& value, const std::string& own) {
  archive.list(value.findings, k_min_finding, [&](auto& a, auto& each) { finding(a, each, own); });
  archive.number(value.coverage.size);
  archive.number(value.coverage.interpreted);
  archive.number(value.coverage.declared);
  archive.list(value.coverage.gaps, k_min_gap, [&](auto& a, auto& gap) {
    a.choice(gap.kind, GapKind::truncated, GapKind::missing);
    a.text(gap.what);
    location(a, gap.where, own);
  });
  archive.list(value.assets, k_min_asset, [](auto& a, auto& asset) {
    a.list(asset.members, k_min_text, k_text);
    a.text(asset.format);
    a.number(asset.size);
  });
  archive.number(value.assets_omitted);
  archive.list(value.scanners, k_min_text, k_text);
  archive.list(value.metadata, k_min_pair, k_pair);
  archive.flag(value.deterministic);
  archive.number(value.duration_us);
  archive.choice(value.cache, CacheUse::bypassed, CacheUse::trace_hit);
}

constexpr auto k_range = [](auto& archive, auto& value) {
  archive.number(value.offset);
  archive.number(value.length);
};

constexpr auto k_identity = [](auto& archive, auto& value) {
  archive.text(value.path);
  archive.number(value.device);
  archive.number(value.inode);
  archive.number(value.size);
  archive.number(value.mtime_ns);
  archive.number(value.ctime_ns);
  archive.number(value.link_count);
};

template <typename Archive, typename T>
void trace(Archive& archive, T& value) {
  k_identity(archive, value.identity);
  archive.list(value.ranges, k_min_range, k_range);
  archive.fixed(value.digest);
  archive.list(value.questions, k_min_question, [](auto& a, auto& question) {
    a.text(question.suffix);
    a.flag(question.answer);
  });
  archive.list(value.companions, k_min_companion, [](auto& a, auto& companion) {
    a.text(companion.relative_path);
    a.flag(companion.existed);
    k_identity(a, companion.identity);
    a.list(companion.ranges, k_min_range, k_range);
    a.fixed(companion.digest);
  });
  archive.list(value.listings, k_min_listing, [](auto& a, auto& listing) {
    a.text(listing.relative_path);
    a.text(listing.pattern);
    a.list(listing.names, k_min_text, k_text);
  });
}

TracedResult load(ByteView bytes, std::optional<std::string_view> shown_path) {
  SpanBuffer buffer(bytes.span());
  std::istream in(&buffer);
  Loader archive(in, buffer);
  TracedResult entry;
  archive.text(entry.result.path);
  if (shown_path) entry.result.path = *shown_path;
  scan_result(archive, entry.result, entry.result.path);
  trace(archive, entry.trace);
  if (buffer.left() != 0) throw BadArchive("result: bytes behind the end");
  return entry;
}

}  // namespace

Result<std::vector<std::byte>> to_binary(const ScanResult& result, const Trace& made_from) {
  try {
    VectorBuffer buffer;
    std::ostream out(&buffer);
    Saver archive(out);
    archive.text(result.path);
    scan_result(archive, result, result.path);
    trace(archive, made_from);
    if (buffer.bytes.size() > k_max_binary_size) return Failure{Errc::limit, 0, "result: too large to keep"};
    return std::move(buffer.bytes);
  } catch (const BadArchive&) {
    return Failure{Errc::limit, 0, "result: too large to keep"};
  }
}

Result<TracedResult> from_binary(ByteView bytes, std::optional<std::string_view> shown_path) {
  if (bytes.empty() || bytes.size() > k_max_binary_size) {
    return Failure{Errc::malformed, 0, "result: impossible length of the binary form"};
  }
  try {
    return load(bytes, shown_path);
  } catch (const BadArchive&) {
    return Failure{Errc::malformed, 0, "result: damaged binary form"};
  } catch (const cereal::Exception&) {  // the bytes ended early
    return Failure{Errc::malformed, 0, "result: truncated binary form"};
  }
}

}  // namespace modelaudit::result

namespace modelaudit {

std::vector<std::byte> ScanResult::to_binary() const {
  auto bytes = result::to_binary(*this, Trace{});
  if (!bytes) throw Error("this result is too large for the binary form (16 MiB); use to_json()");
  return *std::move(bytes);
}

Result<ScanResult> ScanResult::from_binary(std::span<const std::byte> bytes) {
  auto entry = result::from_binary(ByteView(bytes));
  if (!entry) return entry.error();
  return std::move(entry->result);
}

}  // namespace modelaudit
