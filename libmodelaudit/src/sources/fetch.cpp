#include "sources/fetch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "io/sha256.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::sources {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_head = 64;  // enough to tell an HTML page
constexpr std::uint64_t k_look_every = std::uint64_t{64} << 20;   // bytes between two looks at the room on the disk
constexpr std::uint64_t k_leave_free = std::uint64_t{256} << 20;  // of a disk that others use too

/// Room for what is to come and a fifth more.
void check_room(const fs::path& folder, std::uint64_t size) {
  struct statvfs info{};
  if (statvfs(folder.c_str(), &info) != 0) return;
  const auto room = checked_mul(info.f_bavail, info.f_frsize);
  const auto wanted = checked_add(size, std::max(size / 5, k_leave_free));
  if (room && wanted && *room < *wanted) {
    throw SourceFailure(Errc::io_error, "the disk has " + std::to_string(*room) + " bytes left, which is too little for " + std::to_string(size) +
                                            " more and some to spare; make room, or use --cache-dir or TMPDIR on another disk");
  }
}

bool looks_like_html(std::string head) {
  head.erase(0, std::min(head.find_first_not_of(" \t\r\n\xef\xbb\xbf"), head.size()));
  for (char& c : head) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return head.starts_with("<!doctype html") || head.starts_with("<html");
}

bool is_called_html(std::string_view name) { return name.ends_with(".html") || name.ends_with(".htm") || name.ends_with(".xhtml"); }

/// The bytes that have arrived, under a temporary name.
class Part {
 public:
  explicit Part(const fs::path& to) : to_(to), path_(to.string() + ".part") {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd_ < 0) throw SourceFailure(Errc::io_error, "a file cannot be made for what is fetched; are there two names that this file system takes for one?");
  }
  ~Part() {
    ::close(fd_);
    if (!kept_) ::unlink(path_.c_str());
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  std::uint64_t size() const noexcept { return size_; }
  const std::string& head() const noexcept { return head_; }

  void restart() {
    if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) fail();
    hash_ = io::Sha256();
    head_.clear();
    size_ = 0;
  }

  void append(std::span<const std::byte> bytes) {
    if (head_.size() < k_head) head_ += ByteView(bytes).first(k_head - head_.size()).text();
    hash_.update(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
  }

  Digest digest() { return hash_.finish(); }

  void commit() {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, to_.c_str(), RENAME_NOREPLACE) != 0) {
      throw SourceFailure(Errc::io_error, "two names that this file system takes for one");
    }
    kept_ = true;
  }

 private:
  [[noreturn]] void fail() {
    throw SourceFailure(Errc::io_error, errno == ENOSPC || errno == EDQUOT
                                            ? "the disk is full; make room, or use --cache-dir or TMPDIR on another disk"
                                            : "what is fetched cannot be written to the disk");
  }

  fs::path to_;
  fs::path path_;
  int fd_ = -1;
  bool kept_ = false;
  std::uint64_t size_ = 0;
  std::string head_;
  io::Sha256 hash_;
};

/// "bytes 100-199/200": the first number, when the reply goes to the end of the file.
std::optional<std::uint64_t> start_of_range(const HttpReply& reply) {
  const auto text = reply.header("content-range");
  if (!text || !text->starts_with("bytes ")) return std::nullopt;
  std::uint64_t first = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data() + 6, end, first);
  if (error != std::errc{} || stop == end || *stop != '-') return std::nullopt;
  return first;
}

/// Fetches a file in one or several pieces.
class Fetch {
 public:
  Fetch(const Driver& driver, const RemoteFile& file, const fs::path& to, std::uint64_t max_bytes, const FetchCallback& progress)
      : driver_(driver), file_(file), max_bytes_(max_bytes), progress_(progress), folder_(to.parent_path()), part_(to) {}

  /// One request. False when the body was cut but can be had in another one.
  bool step(HttpClient& client, bool last, std::chrono::milliseconds time_limit) {
    HttpRequest request = file_.request;
    request.time_limit = time_limit;
    request.max_bytes = max_bytes_;
    if (part_.size() != 0) {
      request.headers.push_back({"Range", "bytes=" + std::to_string(part_.size()) + "-"});
      request.headers.push_back({"If-Range", validator_});
    }
    try {
      first_piece_ = true;
      const HttpReply reply = client.send(request, [&](const HttpReply& now, std::span<const std::byte> piece) { take(now, piece); });
      if (reply.status != 200 && reply.status != 206) throw failure_of(driver_, request, reply);
      return true;
    } catch (const SourceFailure& failure) {
      if (failure.code() != Errc::truncated || last) throw;
      if (validator_.empty()) part_.restart();
      return false;
    }
  }

  ContentId finish() {
    if (file_.size && part_.size() != *file_.size) refuse_size(std::to_string(part_.size()));
    const ContentId content{part_.digest(), part_.size()};
    if (file_.sha256 != content.sha256 && !is_called_html(file_.name) && looks_like_html(part_.head())) {
      throw SourceFailure(Errc::refused, file_.shown + " is an HTML page, not a model; does the server want a log-in?");
    }
    if (file_.sha256 && content.sha256 != *file_.sha256) {
      throw SourceFailure(Errc::malformed, file_.shown + " does not have the SHA-256 that the server states: damaged or exchanged on the way");
    }
    part_.commit();
    return content;
  }

 private:
  void take(const HttpReply& reply, std::span<const std::byte> piece) {
    if (first_piece_) begin(reply);
    first_piece_ = false;
    if (file_.size && piece.size() > *file_.size - part_.size()) refuse_size("more than " + std::to_string(*file_.size));
    if (piece.size() > max_bytes_ - part_.size()) {
      throw SourceFailure(Errc::limit, file_.shown + " is larger than " + std::to_string(max_bytes_) + " bytes, which is the limit (--max-size)");
    }
    if (part_.size() >= looked_at_ + k_look_every) {
      looked_at_ = part_.size();
      check_room(folder_, file_.size.value_or(part_.size()) - std::min(part_.size(), file_.size.value_or(part_.size())));
    }
    part_.append(piece);
    if (progress_) progress_(part_.size(), file_.size.value_or(0));
  }

  [[noreturn]] void refuse_size(const std::string& bytes) const {
    throw SourceFailure(Errc::malformed, file_.shown + " has " + bytes + " bytes, but the server lists it with " + std::to_string(*file_.size));
  }

  void begin(const HttpReply& reply) {
    if (reply.status == 206) {
      if (part_.size() == 0 || start_of_range(reply) != part_.size()) {
        throw SourceFailure(Errc::malformed, file_.shown + ": the server sends another part of the file than was asked for");
      }
      return;
    }
    if (reply.status != 200) throw SourceFailure(Errc::malformed, file_.shown + ": the server answers with status " + std::to_string(reply.status) + " and a body");
    if (part_.size() != 0) part_.restart();
    const std::string_view declared = reply.header("content-length").value_or("");
    if (file_.size && !declared.empty() && declared != std::to_string(*file_.size)) refuse_size(std::string(declared.substr(0, 20)));
    // A weak validator does not promise equal bytes (RFC 9110, 8.8.1).
    const std::string_view tag = reply.header("etag").value_or("");
    validator_ = tag.starts_with('"') ? std::string(tag) : std::string();
  }

  const Driver& driver_;
  const RemoteFile& file_;
  std::uint64_t max_bytes_;
  const FetchCallback& progress_;
  fs::path folder_;
  std::uint64_t looked_at_ = 0;
  Part part_;
  std::string validator_;  ///< of the bytes that are there; empty: none to be trusted
  bool first_piece_ = true;
};

}  // namespace

ContentId fetch(HttpClient& client, const Driver& driver, const RemoteFile& file, const fs::path& to,
                std::uint64_t max_bytes, const SourceOptions& options, const FetchCallback& progress) {
  using Clock = std::chrono::steady_clock;
  check_room(to.parent_path(), file.size.value_or(0));
  Fetch download(driver, file, to, max_bytes, progress);
  const auto deadline = Clock::now() + options.time_limit;
  for (unsigned attempt = 1;; ++attempt) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (download.step(client, attempt >= options.attempts, std::max(left, std::chrono::milliseconds{1}))) return download.finish();
  }
}

}  // namespace modelaudit::sources
