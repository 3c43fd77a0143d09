#include "formats/gguf/cursor.hpp"

#include "modelaudit/error.hpp"

namespace modelaudit::formats::gguf_layout {

bool Cursor::refill(std::uint64_t n) {
  in_.advance(pos_);
  window_ = in_.window(n);
  pos_ = 0;
  return window_.size() >= n;
}

void Cursor::need(std::uint64_t n) {
  if (ensure(n)) return;
  if (n > in_.max_window() && may_hold(n)) throw_malformed(Errc::limit, offset(), "gguf: field longer than the limit");
  throw_malformed(Errc::truncated, offset(), "gguf: file ends inside a field");
}

void Cursor::skip(std::uint64_t n) {
  if (window_.size() - pos_ >= n) {
    pos_ += n;
    return;
  }
  const std::uint64_t wanted = offset();
  in_.advance(pos_);
  const std::uint64_t moved = in_.advance(n);
  window_ = ByteView({}, in_.position());
  pos_ = 0;
  if (moved < n) throw_malformed(Errc::truncated, wanted, "gguf: file ends inside a field");
}

}  // namespace modelaudit::formats::gguf_layout
