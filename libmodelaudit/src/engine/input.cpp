#include "engine/input.hpp"

#include <algorithm>

namespace modelaudit::engine {
namespace {

constexpr std::uint64_t k_window = std::uint64_t{256} << 10;  // handed out at a time where views cost nothing
constexpr std::uint64_t k_step = std::uint64_t{64} << 10;     // decoded or read at a time
constexpr std::uint64_t k_head = std::uint64_t{64} << 10;     // kept of a stream for identification

void check_range(std::uint64_t size, std::uint64_t offset, std::uint64_t length) {
  if (length > size || offset > size - length) throw_malformed(Errc::truncated, offset, "range beyond the end of the input");
}

/// In order over an input with cheap views.
class ViewReader final : public ForwardReader {
 public:
  ViewReader(Input& input, ByteRange range) : input_(input), base_(range.offset), size_(range.length) {}
  std::uint64_t position() const noexcept override { return position_; }
  ByteView window(std::uint64_t min) override {
    const std::uint64_t rest = size_ - position_;
    return ByteView(input_.bytes(base_ + position_, std::min(rest, std::max(min, k_window))).span(), position_);
  }
  std::uint64_t advance(std::uint64_t n) override {
    const std::uint64_t step = std::min(n, size_ - position_);
    position_ += step;
    return step;
  }
  std::uint64_t max_window() const noexcept override { return size_; }
  bool stable() const noexcept override { return true; }
  std::optional<std::uint64_t> size() const noexcept override { return size_; }

 private:
  Input& input_;
  std::uint64_t base_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

/// A sliding buffer that a derived class fills; for inputs whose bytes must be fetched.
class BufferedReader : public ForwardReader {
 public:
  explicit BufferedReader(Budget& budget) : budget_(budget), held_(budget) {}
  std::uint64_t position() const noexcept final { return position_; }
  ByteView window(std::uint64_t min) final {
    const std::uint64_t want = std::min(std::max(min, std::uint64_t{1}), max_window());
    if (buffer_.size() - used_ < want) fill(want);
    return ByteView(std::span<const std::byte>(buffer_).subspan(used_), position_);
  }
  std::uint64_t advance(std::uint64_t n) final {
    std::uint64_t moved = 0;
    while (moved < n) {
      const std::uint64_t here = std::min<std::uint64_t>(n - moved, buffer_.size() - used_);
      used_ += here;
      position_ += here;
      moved += here;
      if (moved == n) break;
      if (const std::uint64_t skipped = skip_ahead(n - moved); skipped > 0) {
        position_ += skipped;
        moved += skipped;
        continue;
      }
      fill(1);
      if (buffer_.size() == used_) break;
    }
    return moved;
  }
  std::uint64_t max_window() const noexcept final { return budget_.limits().buffered_bytes; }
  bool stable() const noexcept final { return false; }

 protected:
  /// Fetches bytes into the span; 0 only at the end.
  virtual std::size_t fetch(std::span<std::byte> into) = 0;
  /// Moves on without fetching where the input allows it; how far.
  virtual std::uint64_t skip_ahead(std::uint64_t) { return 0; }
  Budget& budget() noexcept { return budget_; }

 private:
  void fill(std::uint64_t want) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ = 0;
    // `want` comes from the content: the buffer grows only by what really arrives.
    while (buffer_.size() < want) {
      budget_.checkpoint();
      const std::size_t before = buffer_.size();
      const std::size_t after = before + k_step;
      if (after > charged_) {
        held_.add(after - charged_);
        charged_ = after;
      }
      buffer_.resize(after);
      const std::size_t got = fetch(std::span(buffer_).subspan(before));
      buffer_.resize(before + got);
      if (got == 0) break;
    }
  }

  Budget& budget_;
  MemoryCharge held_;
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0;
  std::size_t charged_ = 0;
  std::uint64_t position_ = 0;
};

/// In order over a file that is read by position.
class PositionedForward final : public BufferedReader {
 public:
  using Tell = std::function<void(std::uint64_t offset, std::uint64_t length)>;

  PositionedForward(io::FileReader& reader, io::IntervalSet& reads, Budget& budget, ByteRange range, Tell tell)
      : BufferedReader(budget), reader_(reader), reads_(reads), range_(range), tell_(std::move(tell)) {}
  std::optional<std::uint64_t> size() const noexcept override { return range_.length; }

 protected:
  std::size_t fetch(std::span<std::byte> into) override {
    const std::uint64_t n = std::min<std::uint64_t>(into.size(), range_.length - fetched_to_);
    reads_.add(range_.offset + fetched_to_, n);
    reader_.read_into(range_.offset + fetched_to_, into.first(n));
    tell_(range_.offset + fetched_to_, n);
    fetched_to_ += n;
    return n;
  }
  std::uint64_t skip_ahead(std::uint64_t n) override {
    const std::uint64_t step = std::min(n, range_.length - fetched_to_);
    fetched_to_ += step;
    return step;
  }

 private:
  io::FileReader& reader_;
  io::IntervalSet& reads_;
  ByteRange range_;
  Tell tell_;
  std::uint64_t fetched_to_ = 0;
};

}  // namespace

/// In order over a decoder, opened anew.
class DecodingReader final : public BufferedReader {
 public:
  explicit DecodingReader(StreamInput& input) : BufferedReader(input.budget_), input_(input), source_(input.open_()) {}
  std::optional<std::uint64_t> size() const noexcept override { return std::nullopt; }

 protected:
  std::size_t fetch(std::span<std::byte> into) override {
    if (ended_) return 0;
    std::size_t got = 0;
    try {
      got = source_->read(into);
      budget().charge_decoded(got);
      if (decoded_ + got > budget().limits().child_bytes) throw_malformed(Errc::limit, decoded_, "limit: decoded bytes of one member");
    } catch (const Malformed& malformed) {
      if (malformed.failure().code == Errc::cancelled || malformed.failure().code == Errc::timed_out) throw;
      input_.damage_ = malformed.failure();
      ended_ = true;
    }
    decoded_ += got;
    input_.decoded_ = std::max(input_.decoded_, decoded_);
    if (got == 0 && !ended_) {
      ended_ = true;
      input_.reached_end_ = true;
    }
    return got;
  }

 private:
  StreamInput& input_;
  std::unique_ptr<ByteSource> source_;
  std::uint64_t decoded_ = 0;
  bool ended_ = false;
};

Input::~Input() = default;

std::unique_ptr<ForwardReader> Input::stream_of(ByteRange range) { return std::make_unique<ViewReader>(*this, range); }

ByteView FileInput::bytes(std::uint64_t offset, std::uint64_t length) {
  check_range(reader_.size(), offset, length);
  reads_.add(offset, length);
  if (!reader_.is_mapped()) held_.add(length);
  tell(offset, length);
  return reader_.bytes(offset, length);
}

// Counted, not taken from the offset: a look at the end of the file is no progress through it.
void FileInput::tell(std::uint64_t offset, std::uint64_t length) {
  if (!on_read_) return;
  const bool goes_on = offset >= last_.offset && offset - last_.offset <= last_.length;
  const std::uint64_t seen = goes_on ? last_.length - (offset - last_.offset) : 0;
  done_ += length - std::min(length, seen);
  if (!goes_on || length > seen) last_ = {offset, length};
  if (done_ - told_ < step_) return;
  told_ = done_;
  on_read_(std::min(done_, reader_.size()), reader_.size());
}

std::unique_ptr<ForwardReader> FileInput::stream() { return stream_of({0, reader_.size()}); }

std::unique_ptr<ForwardReader> FileInput::stream_of(ByteRange range) {
  if (reader_.is_mapped()) return Input::stream_of(range);
  return std::make_unique<PositionedForward>(reader_, reads_, held_.budget(), range,
                                             [this](std::uint64_t offset, std::uint64_t length) { tell(offset, length); });
}

ByteView BufferInput::bytes(std::uint64_t offset, std::uint64_t length) {
  check_range(bytes_.size(), offset, length);
  return ByteView(bytes_.subspan(offset, length), offset);
}

std::unique_ptr<ForwardReader> BufferInput::stream() { return stream_of({0, bytes_.size()}); }

ByteView RangeInput::bytes(std::uint64_t offset, std::uint64_t length) {
  check_range(range_.length, offset, length);
  return ByteView(parent_.bytes(range_.offset + offset, length).span(), offset);
}

std::unique_ptr<ForwardReader> RangeInput::stream() { return parent_.stream_of(range_); }

std::unique_ptr<ForwardReader> RangeInput::stream_of(ByteRange range) {
  return parent_.stream_of({range_.offset + range.offset, range.length});
}

ByteView StreamInput::bytes(std::uint64_t offset, std::uint64_t) {
  throw_malformed(Errc::unsupported, offset, "member too large to hold in memory for a format that is not read in order");
}

std::unique_ptr<ForwardReader> StreamInput::stream() { return std::make_unique<DecodingReader>(*this); }

std::unique_ptr<Input> open_decoded(const Child::Decoder& open, Budget& budget, MemoryCharge& held) {
  const std::unique_ptr<ByteSource> source = open();
  std::vector<std::byte> buffer;
  std::size_t filled = 0;
  std::size_t charged = 0;
  const std::uint64_t most = budget.limits().buffered_bytes;
  std::optional<Failure> damage;
  while (true) {
    budget.checkpoint();
    if (buffer.size() - filled < k_step) {
      const std::size_t next = std::max<std::size_t>(k_step * 2, buffer.size() * 2);
      held.add(next - charged);
      charged = next;
      buffer.resize(next);
    }
    std::size_t got = 0;
    try {
      got = source->read(std::span(buffer).subspan(filled, k_step));
      budget.charge_decoded(got);
    } catch (const Malformed& malformed) {
      if (malformed.failure().code == Errc::cancelled || malformed.failure().code == Errc::timed_out) throw;
      damage = malformed.failure();
    }
    filled += got;
    if (got == 0) break;
    if (filled > most) {
      buffer.resize(std::min<std::size_t>(filled, k_head));
      buffer.shrink_to_fit();
      return std::make_unique<StreamInput>(open, std::move(buffer), budget);
    }
  }
  buffer.resize(filled);
  return std::make_unique<BufferInput>(std::move(buffer), damage);
}

}  // namespace modelaudit::engine
