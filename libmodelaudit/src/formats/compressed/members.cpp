#include "formats/compressed/members.hpp"

#include "modelaudit/error.hpp"

namespace modelaudit::formats::compression {
namespace {

constexpr std::uint64_t k_head = 32;  // more than any header that io::begins_member() looks at

}  // namespace

Members::Members(std::unique_ptr<ForwardReader> in, const io::Wrapper& wrapper, Ending& best)
    : in_(std::move(in)), wrapper_(wrapper), best_(best) {
  in_->advance(wrapper_.start);
}

Members::~Members() { note(); }

std::size_t Members::read(std::span<std::byte> into) {
  while (!ending_.reached && !ending_.failure) {
    if (decoder_ == nullptr && !open_next()) {
      ending_.reached = true;
      break;
    }
    try {
      const std::size_t got = decoder_->read(into);
      ending_.output += got;
      if (got != 0) return got;
    } catch (const Malformed& malformed) {
      ending_.failure = malformed.failure();
      break;
    }
    ++ending_.members;
    decoder_.reset();
  }
  note();
  if (ending_.failure) throw_malformed(ending_.failure->code, ending_.failure->offset, ending_.failure->what);
  return 0;
}

/// False when no member begins here any more.
bool Members::open_next() {
  const bool first = ending_.starts.empty();
  if (!first) skip_zeros();
  const ByteView head = in_->window(k_head).first(k_head);
  if (!first && !io::begins_member(wrapper_.codec, head)) return false;
  const std::uint64_t start = in_->position();
  if (ending_.starts.size() < k_members_noted) ending_.starts.push_back(start);
  const auto magic = head.le<std::uint32_t>(0);
  const auto size = head.le<std::uint32_t>(4);
  if (magic && size && (*magic & 0xfffffff0U) == 0x184D2A50U && ending_.skipped_frames.size() < k_members_noted) {
    ending_.skipped_frames.push_back({start + 8, *size});
  }
  decoder_ = io::make_decoder(first ? wrapper_.codec : io::member_codec(wrapper_.codec, head), *in_);
  return true;
}

/// Padding behind a member: tapes, xz and gzip have it.
void Members::skip_zeros() {
  while (true) {
    const ByteView window = in_->window(1);
    std::uint64_t zeros = 0;
    while (zeros < window.size() && window[zeros] == 0) ++zeros;
    if (zeros != 0) in_->advance(zeros);
    if (zeros == 0 || zeros < window.size()) return;
  }
}

void Members::note() {
  ending_.position = in_->position();
  if (ending_.reached || (!best_.reached && ending_.position >= best_.position)) best_ = ending_;
}

}  // namespace modelaudit::formats::compression
