#include "engine/surroundings.hpp"

#include "io/interval_set.hpp"
#include "io/range_digest.hpp"

namespace modelaudit::engine {

/// What the scan learned of one name.
struct SiblingRecord {
  Companion companion;
  io::IntervalSet reads;
  io::ReadRecord exact;  ///< the bytes themselves, where digests are wanted
  bool changed = false;
};

namespace {

constexpr std::uint64_t k_record_cost = 256;  // bytes of memory that a question takes

/// One opening of a file; what it reads goes into the record that all openings of the file share.
class OpenSibling final : public Sibling {
 public:
  OpenSibling(io::Descriptor fd, std::unique_ptr<io::FileReader> reader, std::shared_ptr<SiblingRecord> record, Budget& budget,
              TraceNeed need)
      : fd_(std::move(fd)), reader_(std::move(reader)), record_(std::move(record)), held_(budget), need_(need) {}
  ~OpenSibling() override { record_->changed = record_->changed || reader_->shrank(); }

  std::uint64_t size() const noexcept override { return reader_->size(); }
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override {
    if (length > size() || offset > size() - length) throw_malformed(Errc::truncated, offset, "range beyond the end of a file beside this one");
    record_->reads.add(offset, length);
    if (!reader_->is_mapped()) held_.add(length);
    const ByteView view = reader_->bytes(offset, length);
    if (need_ != TraceNeed::none) record_->exact.add(offset, view.span());
    return view;
  }

 private:
  io::Descriptor fd_;
  std::unique_ptr<io::FileReader> reader_;
  std::shared_ptr<SiblingRecord> record_;
  MemoryCharge held_;
  TraceNeed need_;
};

bool same_state(const FileIdentity& a, const FileIdentity& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size && a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns;
}

[[noreturn]] void throw_io_error() { throw_malformed(Errc::io_error, 0, "a file or folder beside this one cannot be read"); }

}  // namespace

Surroundings::Surroundings(std::filesystem::path folder, ReadStrategy strategy, Budget& budget, TraceNeed need)
    : path_(std::move(folder)),
      // Nobody looked whether a sibling may change without its times showing it: what is hashed is what was read.
      strategy_(need == TraceNeed::none ? strategy : ReadStrategy::positioned),
      budget_(budget),
      need_(need),
      held_(budget) {}

Surroundings::~Surroundings() = default;

const io::Descriptor& Surroundings::folder() {
  if (!folder_) {
    auto opened = io::open_folder(path_);
    if (!opened) throw_io_error();
    folder_ = std::move(*opened);
  }
  return folder_;
}

std::shared_ptr<SiblingRecord> Surroundings::begin_record(const std::string& relative) {
  budget_.charge_siblings(1);
  held_.add(k_record_cost + 2 * relative.size());
  auto record = std::make_shared<SiblingRecord>();
  record->companion.relative_path = relative;
  return siblings_.emplace(relative, std::move(record)).first->second;
}

std::shared_ptr<Sibling> Surroundings::sibling(std::string_view name) {
  const auto relative = io::plain_relative(name);
  if (!relative) return nullptr;  // the answer lies in the name: nothing to record
  budget_.checkpoint();
  const auto known = siblings_.find(*relative);
  const bool asked_before = known != siblings_.end();
  const std::shared_ptr<SiblingRecord> record = asked_before ? known->second : begin_record(*relative);
  auto fd = io::open_beside(folder(), *relative);
  if (!fd) {
    if (fd.error().code == Errc::io_error) throw_io_error();
    record->changed = record->changed || record->companion.existed;
    return nullptr;
  }
  const auto identity = io::identity_of(fd->get());
  if (!identity) throw_io_error();
  if (asked_before && !(record->companion.existed && same_state(record->companion.identity, *identity))) {
    record->changed = true;
    return nullptr;
  }
  record->companion.existed = true;
  record->companion.identity = *identity;
  auto reader = io::open_reader(fd->get(), identity->size, strategy_);
  if (!reader) throw_io_error();
  return std::make_shared<OpenSibling>(std::move(*fd), std::move(*reader), record, budget_, need_);
}

std::vector<std::string> Surroundings::listing(std::string_view pattern) {
  const std::size_t slash = pattern.rfind('/');
  std::string subfolder;
  if (slash != std::string_view::npos) {
    const auto relative = io::plain_relative(pattern.substr(0, slash));
    if (!relative) return {};
    subfolder = *relative;
    pattern.remove_prefix(slash + 1);
  }
  budget_.checkpoint();
  const auto key = std::pair(subfolder, std::string(pattern));
  if (const auto known = listings_.find(key); known != listings_.end()) return known->second;
  budget_.charge_siblings(1);
  auto names = io::names_beside(folder(), subfolder, pattern, budget_.limits().siblings);
  if (!names) {
    if (names.error().code == Errc::limit) throw_malformed(Errc::limit, 0, "limit: files beside this one");
    throw_io_error();
  }
  for (const std::string& name : *names) held_.add(sizeof(std::string) + name.size());
  return listings_.emplace(key, *std::move(names)).first->second;
}

bool Surroundings::finish(SiblingRecord& record) {
  Companion& companion = record.companion;
  companion.ranges = io::widened(record.reads.merged());
  if (record.changed) return false;
  if (!companion.existed) return true;
  if (need_ != TraceNeed::none) {
    if (auto read = record.exact.finish()) {
      companion.ranges = std::move(read->ranges);
      companion.digest = read->digest;
    }
  }
  const auto now = io::identity_beside(folder_, companion.relative_path);
  return now && same_state(*now, companion.identity);
}

bool Surroundings::finish(Trace& trace) {
  bool unchanged = true;
  for (auto& [name, record] : siblings_) {
    unchanged = finish(*record) && unchanged;
    trace.companions.push_back(record->companion);
  }
  for (const auto& [where, names] : listings_) trace.listings.push_back({where.first, where.second, names});
  return unchanged;
}

}  // namespace modelaudit::engine
