#include "cache/lookup.hpp"

#include <algorithm>

#include "cache/identity.hpp"
#include "cache/posix.hpp"
#include "io/range_digest.hpp"
#include "modelaudit/auditor.hpp"

namespace modelaudit::cache {
namespace {

namespace fs = std::filesystem;

// Enough to tell most files of one size apart: a header, and the end of a central directory or of a last tensor.
constexpr std::uint64_t k_glance = 4096;

std::optional<FileIdentity> identity_if_any(const fs::path& absolute) {
  const auto identity = identity_at(absolute);
  return identity ? std::optional(*identity) : std::nullopt;
}

}  // namespace

LookUp::LookUp(Store& store, RunCounts& counts, const SmartCacheKeyGenerator& keys, const fs::path& path,
               std::string_view shown_path, const ContentId* content)
    : store_(store),
      counts_(counts),
      keys_(keys),
      shown_path_(shown_path),
      content_(content == nullptr ? std::nullopt : std::optional(*content)),
      // Before the file is looked at: a change from here on gets a later stamp.
      begun_ns_(file_clock_ns()),
      absolute_(absolute_path(path)),
      identity_(identity_if_any(absolute_)) {
  if (content_ && identity_ && content_->size != identity_->size) content_.reset();  // not the file that was meant
}

std::optional<ScanResult> LookUp::find() {
  const bool believes_stat = keys_.verify() == CacheVerify::stat;
  if (believes_stat && !keys_.refresh()) {
    if (auto hit = find_by_identity()) return hit;
  }
  if (!open()) return std::nullopt;
  locate();
  if (keys_.refresh()) return std::nullopt;
  if (keys_.verify() == CacheVerify::always) return content_ ? find_by_content(*content_) : std::nullopt;
  if (believes_stat && content_) {
    if (auto hit = find_by_content(*content_)) return hit;
  }
  return find_by_trace();
}

std::optional<ScanResult> LookUp::find_by_identity() {
  auto found = store_.find(keys_.identity_key(*identity_), shown_path_);
  if (!found) return std::nullopt;
  // The key says so already; comparing once more costs nothing.
  if (found->trace.identity.path != identity_->path || !same_file_state(found->trace.identity, *identity_)) {
    ++counts_.rejected;
    return std::nullopt;
  }
  if (!surroundings_unchanged(found->trace, absolute_.parent_path())) return std::nullopt;
  ++counts_.hits;
  counts_.time_saved_us += found->result.duration_us;
  found->result.cache = CacheUse::identity_hit;
  return std::move(found->result);
}

/// Opens the file and finds out what may be kept of it. False when it is not the file that was looked up any more.
bool LookUp::open() {
  auto fd = io::open_regular(absolute_);
  if (!fd) return false;
  const auto identity = io::identity_of(fd->get());
  if (!identity || !same_file_state(*identity, *identity_)) return false;
  fd_ = std::move(*fd);
  // Asked before the first byte is read: who opens the file for writing later changes its times.
  keeps_identity_ = !is_racy(*identity_, begun_ns_) && times_show_changes(fd_.get());
  need_ = keeps_identity_ ? TraceNeed::digest : TraceNeed::exact;
  return true;
}

/// Finds the keys that the content leads to.
void LookUp::locate() {
  const std::uint64_t size = identity_->size;
  const std::uint64_t head = std::min(size, k_glance);
  const std::uint64_t tail = std::min(size - head, k_glance);
  const auto glance = io::digest_of_ranges(fd_.get(), std::vector<ByteRange>{{0, head}, {size - tail, tail}});
  if (glance) candidates_.emplace(store_, keys_.candidate_key(size, *glance), Scope::ranges, shown_path_);
  if (keys_.verify() == CacheVerify::always) {
    // What the caller vouches for is not what it is about here. Not where the file may change unseen: the scan might
    // read other bytes than these.
    content_.reset();
    const auto whole = io::digest_of_file(fd_.get(), size);
    counts_.bytes_hashed += size;
    if (whole) content_ = ContentId{*whole, size};
  }
  if (content_) by_content_.emplace(store_, keys_.content_key(*content_), Scope::content, shown_path_);
}

std::optional<ScanResult> LookUp::find_by_content(const ContentId&) {
  Replay replay(fd_.get(), absolute_, Scope::content);
  return accept(by_content_->find(replay), replay);
}

std::optional<ScanResult> LookUp::find_by_trace() {
  if (!candidates_) return std::nullopt;
  Replay replay(fd_.get(), absolute_, Scope::ranges);
  return accept(candidates_->find(replay), replay);
}

/// A result was found for what the file held while it was verified: it counts when the file did not change meanwhile.
std::optional<ScanResult> LookUp::accept(std::optional<TracedResult> found, Replay& replay) {
  counts_.bytes_hashed += replay.bytes_hashed();
  if (!found) return std::nullopt;
  const auto opened = io::identity_of(fd_.get());
  const auto named = identity_if_any(absolute_);
  if (!opened || !same_file_state(*opened, *identity_) || !named || !same_file_state(*named, *identity_)) {
    keeps_identity_ = false;
    return std::nullopt;
  }
  found->trace.identity = *identity_;
  // Not when it is there and was only not asked: replacing a file makes ext4 wait for the disk.
  const bool asked = keys_.verify() == CacheVerify::stat;
  if (asked || !store_.find(keys_.identity_key(*identity_), shown_path_)) store_by_identity(*found);
  ++counts_.hits;
  ++counts_.trace_hits;
  counts_.time_saved_us += found->result.duration_us;
  found->result.cache = CacheUse::trace_hit;
  return std::move(found->result);
}

void LookUp::store(TracedResult& entry) {
  if (!entry.result.deterministic || !same_file_state(entry.trace.identity, *identity_)) return;
  entry.trace.identity.path = identity_->path;
  store_by_identity(entry);
  if (entry.trace.digest == Digest{}) return;  // none was taken
  if (candidates_) candidates_->put(entry);
  // A digest of the whole that was taken here stands for what the scan saw only where the file could not change unseen.
  const bool vouched = keys_.verify() != CacheVerify::always;
  if (by_content_ && (vouched || keeps_identity_)) by_content_->put(entry);
}

void LookUp::store_by_identity(TracedResult& entry) {
  if (!keeps_identity_) return;
  if (!surroundings_show_changes(entry.trace, absolute_.parent_path(), begun_ns_)) return;
  store_.put(keys_.identity_key(*identity_), entry);
}

}  // namespace modelaudit::cache
