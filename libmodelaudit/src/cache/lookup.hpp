#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "cache/store.hpp"
#include "io/file.hpp"
#include "modelaudit/cache.hpp"

namespace modelaudit::cache {

/// One file's way through the cache: looked up, and after a miss stored.
///
/// What may be believed when. An identity says that no byte changed only where the file system stamps every change, the
/// file is older than the stamps are coarse, and nobody had it open for writing; else nothing is kept under it. A trace
/// rests on bytes that were hashed. Either the file could not change unseen between the scan and the hashing (the three
/// conditions again, and its identity is compared before and after), or the scan is asked to hash exactly what it is
/// given (TraceNeed::exact). So a trace may be kept, and believed, whatever the file's times say.
class LookUp {
 public:
  /// `shown_path` and `content` outlive the object.
  LookUp(Store& store, RunCounts& counts, const SmartCacheKeyGenerator& keys, const std::filesystem::path& path,
         std::string_view shown_path, const ContentId* content);

  /// Is there a file to look up?
  bool has_file() const noexcept { return identity_.has_value(); }
  std::optional<ScanResult> find();
  /// After a miss: what the scan has to bring.
  TraceNeed need() const noexcept { return need_; }
  void store(TracedResult& entry);

 private:
  std::optional<ScanResult> find_by_identity();
  std::optional<ScanResult> find_by_content(const ContentId& content);
  std::optional<ScanResult> find_by_trace();
  bool open();
  void locate();
  std::optional<ScanResult> accept(std::optional<TracedResult> found, Replay& replay);
  void store_by_identity(TracedResult& entry);

  Store& store_;
  RunCounts& counts_;
  const SmartCacheKeyGenerator& keys_;
  std::string_view shown_path_;
  std::optional<ContentId> content_;
  std::int64_t begun_ns_;
  std::filesystem::path absolute_;
  std::optional<FileIdentity> identity_;
  io::Descriptor fd_;
  TraceNeed need_ = TraceNeed::exact;
  bool keeps_identity_ = false;
  std::optional<Candidates> candidates_;  ///< by size, head and tail
  std::optional<Candidates> by_content_;  ///< by the digest of the whole
};

}  // namespace modelaudit::cache
