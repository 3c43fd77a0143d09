#include "io/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <boost/iostreams/device/mapped_file.hpp>
#include <cerrno>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "io/hash_follower.hpp"
#include "io/mapping_guard.hpp"
#include "io/read_ahead.hpp"

namespace modelaudit::io {
namespace {

constexpr std::int64_t k_ns_per_s = 1'000'000'000;

Failure failure_from_errno(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return {Errc::not_found, 0, "no such file"};
    case EACCES:
    case EPERM: return {Errc::refused, 0, "permission denied"};
    case ELOOP: return {Errc::io_error, 0, "too many levels of symbolic links"};
    case ENXIO: return {Errc::unsupported, 0, "not a regular file"};
    case EMFILE:
    case ENFILE: return {Errc::io_error, 0, "too many open files"};
    default: return {Errc::io_error, 0, "cannot be opened or read"};
  }
}

// A scan behind which the hashing has to be done at its end is not worth a thread below this.
constexpr std::uint64_t k_follow_from = std::uint64_t{8} << 20;

class MappedReader final : public FileReader {
 public:
  static std::unique_ptr<MappedReader> open(int fd, std::uint64_t size, std::uint64_t window) {
    try {
      auto reader = std::unique_ptr<MappedReader>(new MappedReader);
      boost::iostreams::mapped_file_params params;
      // Through the descriptor that was checked, never through the name again.
      params.path = "/proc/self/fd/" + std::to_string(fd);
      params.flags = boost::iostreams::mapped_file::readonly;
      params.length = static_cast<std::size_t>(size);
      reader->source_.open(params);
      if (!reader->source_.is_open() || reader->source_.size() < size) return nullptr;
      reader->guard_.emplace(reader->source_.data(), reader->source_.size());
      if (!reader->guard_->armed()) return nullptr;
      reader->size_ = size;
      reader->window_ = std::max<std::uint64_t>(window, 1);
      reader->ahead_ = ReadAhead(size);
      // Advice: where the kernel refuses it, reading is only slower.
      if (reader->ahead_.active()) reader->advise({0, size}, MADV_RANDOM);
      return reader;
    } catch (const std::ios_base::failure&) {
      return nullptr;  // the caller reads by position instead
    }
  }

  std::uint64_t size() const noexcept override { return size_; }
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override {
    if (const auto fetch = ahead_.expect(offset, length)) advise(*fetch, MADV_WILLNEED);
    if (digesting_) hand_out(offset, length);
    keep_to_window(length);
    return ByteView(all().subspan(offset, length), offset);
  }
  void read_into(std::uint64_t offset, std::span<std::byte> into) override {
    const auto from = bytes(offset, into.size()).span();
    std::copy(from.begin(), from.end(), into.begin());
  }
  bool is_mapped() const noexcept override { return true; }
  bool shrank() const noexcept override { return guard_->faulted(); }

  void begin_digest() override { digesting_ = true; }
  std::optional<DigestedRanges> end_digest(const std::vector<ByteRange>& handed_out) override {
    DigestedRanges made{widened(handed_out), {}};
    if (made.ranges.size() > k_most_digest_ranges) return std::nullopt;
    const std::span<const Digest> followed = follower_ ? follower_->finish() : std::span<const Digest>();
    RangeDigest digest;
    for (ByteRange range : made.ranges) {
      if (range.offset == 0) {
        for (std::size_t i = 0; i < followed.size(); ++i) digest.add_piece({i * k_digest_piece, k_digest_piece}, followed[i]);
        range = {followed.size() * k_digest_piece, range.length - followed.size() * k_digest_piece};
      }
      digest.add(range.offset, all().subspan(range.offset, range.length));
    }
    made.digest = digest.finish();
    return made;
  }

 private:
  MappedReader() = default;

  void advise(ByteRange range, int advice) const noexcept {
    const std::uint64_t page = static_cast<std::uint64_t>(boost::iostreams::mapped_file_source::alignment());
    const std::uint64_t start = range.offset / page * page;
    (void)madvise(const_cast<char*>(source_.data()) + start, range.offset + range.length - start, advice);
  }

  std::span<const std::byte> all() const {
    return std::as_bytes(std::span<const char>(source_.data(), static_cast<std::size_t>(size_)));
  }

  /// Lets go of all pages once a window of bytes was handed out; what is still looked at comes back by itself.
  void keep_to_window(std::uint64_t length) noexcept {
    if (length < window_ - handed_out_) {
      handed_out_ += length;
      return;
    }
    if (handed_out_ > 0) advise({0, size_}, MADV_DONTNEED);
    handed_out_ = std::min(length, window_ - 1);
  }

  void hand_out(std::uint64_t offset, std::uint64_t length) {
    if (offset > from_start_ || offset + length <= from_start_) return;
    from_start_ = offset + length;
    if (from_start_ < k_follow_from) return;
    try {
      if (!follower_ && !cannot_follow_) follower_.emplace(all());
    } catch (const std::system_error&) {
      cannot_follow_ = true;  // no more threads: the digest is taken at the end
    }
    if (follower_) follower_->advance_to(from_start_);
  }

  boost::iostreams::mapped_file_source source_;
  std::optional<MappingGuard> guard_;
  ReadAhead ahead_{0};
  std::uint64_t size_ = 0;
  std::uint64_t window_ = 0;      ///< at least 1
  std::uint64_t handed_out_ = 0;  ///< bytes since pages were let go, below window_
  bool digesting_ = false;
  std::uint64_t from_start_ = 0;  ///< everything before it was handed out
  std::optional<HashFollower> follower_;
  bool cannot_follow_ = false;
};

class PositionedReader final : public FileReader {
 public:
  PositionedReader(int fd, std::uint64_t size) : fd_(fd), size_(size) {}

  std::uint64_t size() const noexcept override { return size_; }
  ByteView bytes(std::uint64_t offset, std::uint64_t length) override {
    // A range inside one that is kept already is served from there; views must live as long as the reader.
    const auto after = kept_.upper_bound(offset);
    if (after != kept_.begin()) {
      const auto& [start, block] = *std::prev(after);
      if (offset + length <= start + block.size()) {
        return ByteView(std::span(block).subspan(offset - start, length), offset);
      }
    }
    std::vector<std::byte> block(length);
    read_into(offset, block);
    auto& slot = kept_[offset];
    // A shorter block at the same start may still be in use by an earlier view.
    if (!slot.empty()) retired_.push_back(std::move(slot));
    slot = std::move(block);
    return ByteView(slot, offset);
  }
  void read_into(std::uint64_t offset, std::span<std::byte> into) override {
    const std::uint64_t start = offset;
    const std::span<const std::byte> read = into;
    while (!into.empty()) {
      const ssize_t got = pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_malformed(Errc::io_error, offset, "the file cannot be read here");
      if (got == 0) {
        shrank_ = true;
        throw_malformed(Errc::changed, offset, "the file became shorter while it was read");
      }
      offset += static_cast<std::uint64_t>(got);
      into = into.subspan(static_cast<std::size_t>(got));
    }
    if (record_) record_->add(start, read);
  }
  bool is_mapped() const noexcept override { return false; }
  bool shrank() const noexcept override { return shrank_; }
  void begin_digest() override { record_.emplace(); }
  std::optional<DigestedRanges> end_digest(const std::vector<ByteRange>&) override { return record_->finish(); }

 private:
  int fd_;
  std::uint64_t size_;
  std::map<std::uint64_t, std::vector<std::byte>> kept_;
  std::vector<std::vector<std::byte>> retired_;
  bool shrank_ = false;
  std::optional<ReadRecord> record_;
};

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileReader::~FileReader() = default;

Result<Descriptor> open_regular(const std::filesystem::path& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd) return failure_from_errno(errno);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return failure_from_errno(errno);
  if (S_ISDIR(info.st_mode)) return Failure{Errc::unsupported, 0, "is a folder"};
  if (!S_ISREG(info.st_mode)) return Failure{Errc::unsupported, 0, "not a regular file"};
  return fd;
}

FileIdentity identity_from(const struct stat& info) {
  FileIdentity identity;
  identity.device = static_cast<std::uint64_t>(info.st_dev);
  identity.inode = static_cast<std::uint64_t>(info.st_ino);
  identity.size = static_cast<std::uint64_t>(info.st_size);
  identity.mtime_ns = static_cast<std::int64_t>(info.st_mtim.tv_sec) * k_ns_per_s + info.st_mtim.tv_nsec;
  identity.ctime_ns = static_cast<std::int64_t>(info.st_ctim.tv_sec) * k_ns_per_s + info.st_ctim.tv_nsec;
  identity.link_count = static_cast<std::uint32_t>(info.st_nlink);
  return identity;
}

Result<FileIdentity> identity_at(const std::filesystem::path& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return failure_from_errno(errno);
  if (!S_ISREG(info.st_mode)) return Failure{Errc::unsupported, 0, "not a regular file"};
  return identity_from(info);
}

Result<FileIdentity> identity_of(int fd) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return failure_from_errno(errno);
  return identity_from(info);
}

bool keeps_change_times(int fd) {
  struct statfs info{};
  if (fstatfs(fd, &info) != 0) return false;
  switch (static_cast<std::uint32_t>(info.f_type)) {  // linux/magic.h
    case 0xEF53:      // ext2, ext3, ext4
    case 0x58465342:  // XFS
    case 0x9123683E:  // Btrfs
    case 0x01021994:  // tmpfs
    case 0x858458F6:  // ramfs
    case 0x2FC12FC1:  // ZFS
    case 0xF2F52010:  // F2FS
    case 0xCA451A4E:  // bcachefs
    case 0x3153464A:  // JFS
    case 0x794C7630:  // overlayfs
    case 0x9660:      // ISO 9660, read-only
    case 0x73717368:  // SquashFS, read-only
    case 0xE0F5E1E2:  // EROFS, read-only
      return true;
    default: return false;
  }
}

Result<std::unique_ptr<FileReader>> open_reader(int fd, std::uint64_t size, ReadStrategy strategy, std::uint64_t window) {
  const bool map = strategy == ReadStrategy::mapped || (strategy == ReadStrategy::automatic && keeps_change_times(fd));
  // An empty file cannot be mapped; it is an ordinary input all the same.
  if (map && size > 0) {
    if (auto reader = MappedReader::open(fd, size, window)) return std::unique_ptr<FileReader>(std::move(reader));
  }
  return std::unique_ptr<FileReader>(std::make_unique<PositionedReader>(fd, size));
}

}  // namespace modelaudit::io
