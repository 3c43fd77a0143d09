#include "formats/zip/member_reader.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <zlib.h>

#include "detect/executables.hpp"
#include "formats/zip/range_reader.hpp"
#include "wire/pickle/lexer.hpp"

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
  RangeReader reader_;
  std::unique_ptr<io::Decoder> decoder_;
  std::shared_ptr<DecodeFacts> facts_;
  DecodeFacts seen_;
};

bool starts_like_an_archive(ByteView start) {
  static constexpr std::array<std::string_view, 9> k_magics = {
      std::string_view("PK\x03\x04"),     std::string_view("BZh91AY&SY"),    std::string_view("\xFD" "7zXZ\0", 6),
      std::string_view("7z\xBC\xAF\x27\x1C"), std::string_view("Rar!\x1A\x07"), std::string_view("\x93NUMPY"),
      std::string_view("\x89HDF\r\n\x1A\n"), std::string_view("\x28\xB5\x2F\xFD"), std::string_view("\x04\x22\x4D\x18")};
  if (std::any_of(k_magics.begin(), k_magics.end(), [&](std::string_view magic) { return start.starts_with(magic); })) return true;
  // gzip: method 8, no reserved flags, a known operating system
  return start.size() >= 10 && start.starts_with("\x1F\x8B\x08") && (start[3] & 0xE0) == 0 && (start[9] <= 13 || start[9] == 255);
}

bool starts_like_a_program(ByteView start) {
  static constexpr std::array<std::string_view, 8> k_magics = {
      std::string_view("MZ"),                 std::string_view("\x7F" "ELF"),          std::string_view("\xFE\xED\xFA"),
      std::string_view("\xCE\xFA\xED\xFE"),   std::string_view("\xCF\xFA\xED\xFE"),    std::string_view("\xCA\xFE\xBA"),
      std::string_view("\0asm", 4),           std::string_view("#!")};
  return std::any_of(k_magics.begin(), k_magics.end(), [&](std::string_view magic) { return start.starts_with(magic); });
}

bool imports_something(const wire::pickle::Token& token) {
  switch (token.code) {
    case wire::pickle::op_global:
    case wire::pickle::op_inst:
    case wire::pickle::op_stack_global:
    case wire::pickle::op_ext1:
    case wire::pickle::op_ext2:
    case wire::pickle::op_ext4: return true;
    default: return false;
  }
}

/// Are these the opcodes of a pickle that imports something? Weights fail within a few bytes.
bool is_importing_pickle(ByteView start, const std::function<std::unique_ptr<ForwardReader>()>& more) {
  using wire::pickle::LexStatus;
  constexpr int k_most_tokens = 1 << 20;
  GlanceReader glance(start);
  wire::pickle::Lexer first(glance);
  wire::pickle::Token token;
  LexStatus status = LexStatus::ok;
  int tokens = 0;
  while ((status = first.next(token)) == LexStatus::ok && token.code != wire::pickle::op_stop) ++tokens;
  if (status == LexStatus::invalid || status == LexStatus::bad_length || tokens == 0) return false;
  const auto reader = more();
  wire::pickle::Lexer whole(*reader);
  bool imports = false;
  for (tokens = 0; tokens < k_most_tokens && whole.next(token) == LexStatus::ok; ++tokens) {
    imports = imports || imports_something(token);
    if (token.code == wire::pickle::op_stop) return imports && tokens > 1;
  }
  return imports && tokens > 8;  // broken behind the payload: it has run by then
}

}  // namespace

std::optional<io::Codec> codec_of(std::uint16_t method) noexcept {
  switch (method) {
    case wire::zip::k_deflated: return io::Codec::deflate_raw;
    case wire::zip::k_bzip2: return io::Codec::bzip2;
    case wire::zip::k_lzma: return io::Codec::zip_lzma;
    case wire::zip::k_zstd:
    case 20: return io::Codec::zstd;  // 20: the number zstd had first
    case wire::zip::k_xz: return io::Codec::xz;
    default: return std::nullopt;
  }
}

bool is_readable(std::uint16_t method) noexcept {
  return method == wire::zip::k_stored || codec_of(method).has_value();
}

ByteRange data_of(const wire::zip::Entry& entry, const wire::zip::Reading& reading, std::uint64_t input_size) {
  const std::uint64_t start = std::min(entry.local->data_offset(), input_size);
  // Data that runs beyond the input may at most reach the directory that lists it.
  const std::uint64_t stop = entry.cut ? std::max(start, entry.extent.offset + entry.extent.length) : input_size;
  return {start, std::min(reading.compressed, stop - start)};
}

Content open_member(ScanContext& context, ByteRange data, const wire::zip::Reading& reading) {
  const auto codec = codec_of(reading.method);
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
  if (const auto codec = codec_of(reading.method)) {
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

bool is_more_than_weights(ScanContext& context, ByteView start, const std::function<std::unique_ptr<ForwardReader>()>& more) {
  if (start.empty()) return false;
  context.budget().checkpoint();
  if (starts_like_an_archive(start)) return true;
  if (starts_like_a_program(start)) {
    const auto reader = more();
    const ByteView head = reader->window(4096);
    if (detect::identify_executable(head, true) || detect::identify_script(head)) return true;
  }
  return is_importing_pickle(start, more);
}

}  // namespace modelaudit::formats::zip_archive
