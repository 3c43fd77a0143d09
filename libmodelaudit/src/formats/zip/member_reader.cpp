#include "formats/zip/member_reader.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <zlib.h>

#include "io/range_reader.hpp"
#include "wire/zip/codec_of.hpp"

namespace modelaudit::formats::zip_archive {

namespace {

std::uint32_t update_crc(std::uint32_t crc, std::span<const std::byte> bytes) {
  uLong value = crc;
  std::array<Bytef, 4096> block;  // zlib takes its own byte type; a copy keeps casts of input bytes out of here
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), block.size());
    std::transform(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n), block.begin(),
                   [](std::byte b) { return static_cast<Bytef>(b); });
    value = crc32_z(value, block.data(), n);
    bytes = bytes.subspan(n);
  }
  return static_cast<std::uint32_t>(value);
}

/// A decoder over a range of the input that remembers what it saw.
class MemberSource final : public ByteSource {
 public:
  MemberSource(ScanContext& context, ByteRange data, io::Codec codec, std::uint64_t plain, std::shared_ptr<DecodeFacts> facts)
      : reader_(context, data), decoder_(io::make_decoder(codec, reader_, plain)), facts_(std::move(facts)) {}

  std::size_t read(std::span<std::byte> into) override {
    const std::size_t n = decoder_->read(into);
    seen_.produced += n;
    seen_.crc = update_crc(seen_.crc, into.first(n));
    seen_.finished = decoder_->finished();
    seen_.consumed = decoder_->consumed();
    if (seen_.produced >= facts_->produced) *facts_ = seen_;
    return n;
  }

 private:
  io::RangeReader reader_;
  std::unique_ptr<io::Decoder> decoder_;
  std::shared_ptr<DecodeFacts> facts_;
  DecodeFacts seen_;
};

}  // namespace

ByteRange data_of(const wire::zip::Entry& entry, const wire::zip::Reading& reading, std::uint64_t input_size) {
  const std::uint64_t start = std::min(entry.local->data_offset(), input_size);
  // Data that runs beyond the input may at most reach the directory that lists it.
  const std::uint64_t stop = entry.cut ? std::max(start, entry.extent.offset + entry.extent.length) : input_size;
  return {start, std::min(reading.compressed, stop - start)};
}

Content open_member(ScanContext& context, ByteRange data, const wire::zip::Reading& reading) {
  const auto codec = wire::zip::codec_of(reading.method);
  if (!codec) return {data, nullptr};
  auto facts = std::make_shared<DecodeFacts>();
  Child::Decoder open = [&context, data, codec = *codec, plain = reading.plain, facts]() -> std::unique_ptr<ByteSource> {
    return std::make_unique<MemberSource>(context, data, codec, plain, facts);
  };
  return {std::move(open), std::move(facts)};
}

std::vector<std::byte> read_start(ScanContext& context, ByteRange data, const wire::zip::Reading& reading, std::uint64_t n) {
  std::vector<std::byte> start(std::min<std::uint64_t>(n, std::uint64_t{1} << 20));
  std::size_t filled = 0;
  if (const auto codec = wire::zip::codec_of(reading.method)) {
    MemberSource source(context, data, *codec, reading.plain, std::make_shared<DecodeFacts>());
    try {
      for (std::size_t step = 1; step != 0 && filled < start.size(); filled += step) {
        step = source.read(std::span(start).subspan(filled));
      }
    } catch (const Malformed& malformed) {
      // What was decoded in front of the damage is the answer; a limit ends the scan.
      if (malformed.failure().code == Errc::limit) throw;
    }
  } else {
    const ByteView view = context.bytes(data.offset, std::min<std::uint64_t>(data.length, start.size()));
    filled = view.size();
    std::copy(view.span().begin(), view.span().end(), start.begin());
  }
  start.resize(filled);
  return start;
}

std::uint32_t crc_of(ScanContext& context, ByteRange range) {
  return update_crc(0, context.bytes(range.offset, range.length).span());
}

}  // namespace modelaudit::formats::zip_archive
