#include "wire/tar/archive.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace modelaudit::wire::tar {

namespace {

constexpr std::uint64_t k_most_pax = std::uint64_t{1} << 20;         // of one body
constexpr std::uint64_t k_most_pax_in_all = std::uint64_t{16} << 20;
constexpr std::uint64_t k_most_leading_blocks = 20;                  // zero blocks in front of the first header: one record

std::uint64_t in_blocks(std::uint64_t size) { return size > ~std::uint64_t{0} - k_block ? size : (size + k_block - 1) / k_block * k_block; }

bool is_header(const std::optional<Header>& header) { return header && header->has_checksum && header->has_size; }

class Walker {
 public:
  Walker(const Source& source, std::uint64_t max_members) : source_(source), max_members_(max_members) {}

  Archive read() {
    walk(0, false);
    // Where readers disagree on how much to skip, each way is walked.
    for (std::size_t i = 0; i < detours_.size() && !archive_.limited; ++i) walk(detours_[i], true);
    return std::move(archive_);
  }

 private:
  struct Overrides {
    std::optional<std::string> name, link;
    std::optional<std::uint64_t> size;
    bool is_sparse = false;
  };

  ByteView block_at(std::uint64_t at) const { return source_.bytes(at, k_block); }

  void walk(std::uint64_t at, bool alternate) {
    alternate_ = alternate;
    Overrides overrides = global_;
    std::uint64_t zeros = 0;
    while (at < source_.size && archive_.members.size() < max_members_) {
      if (source_.checkpoint) source_.checkpoint();
      const ByteView block = block_at(at);
      if (block.size() < k_block) {
        if (!alternate && !block.all(0)) archive_.trailing = ByteRange{at, block.size()};
        if (block.all(0)) note({at, block.size()});
        return;
      }
      if (block.all(0)) {
        if (alternate) return;
        archive_.leading_zero = archive_.leading_zero || at == 0;
        ++zeros;
        archive_.has_end = archive_.has_end || zeros >= 2;
        note({at, k_block});
        at += k_block;
        continue;
      }
      if (alternate && seen_.contains(at)) return;  // back on the known way
      const auto header = read_header(block);
      if (!is_header(header)) {
        if (alternate) return;
        const auto next = next_header(at + k_block);
        if (!next) {
          // Behind the end: not part of the archive. Before it: damage.
          (zeros != 0 ? archive_.trailing.emplace() : archive_.unreadable.emplace_back()) = {at, source_.size - at};
          return;
        }
        archive_.unreadable.push_back({at, *next - at});
        at = *next;
        continue;
      }
      seen_.insert(at);
      note({at, k_block});
      at = take(*header, at, zeros != 0 && !archive_.members.empty(), overrides);
    }
    if (archive_.members.size() >= max_members_) archive_.limited = true;
    if (at == source_.size) archive_.has_end = archive_.has_end || zeros != 0;
  }

  /// The next block with a right checksum, on a block boundary.
  std::optional<std::uint64_t> next_header(std::uint64_t at) const {
    for (; at < source_.size && source_.size - at >= k_block; at += k_block) {
      if ((at / k_block) % 2048 == 0 && source_.checkpoint) source_.checkpoint();
      const ByteView block = block_at(at);
      if (!block.all(0) && is_header(read_header(block))) return at;
    }
    return std::nullopt;
  }

  void note(ByteRange range) { archive_.records.push_back(range); }

  /// Handles one header and what belongs to it; returns where the next one should be.
  std::uint64_t take(const Header& header, std::uint64_t at, bool after_end, Overrides& overrides) {
    const std::uint64_t data = at + k_block;
    const std::uint64_t rest = source_.size - data;
    if (header.type == 'x' || header.type == 'g' || header.type == 'X' || header.type == 'L' || header.type == 'K') {
      const std::uint64_t length = std::min(header.size, rest);
      const std::uint64_t used = std::min(in_blocks(length), rest);
      note({data, used});
      learn(header, source_.bytes(data, std::min(length, k_most_pax)), overrides);
      return data + used;
    }
    Member member;
    member.header = header;
    member.offset = at;
    member.name = overrides.name.value_or(header.name);
    member.link = overrides.link.value_or(header.link);
    member.is_sparse = overrides.is_sparse || header.type == 'S';
    member.after_end = after_end;
    member.alternate = alternate_;
    const std::uint64_t size = overrides.size.value_or(header.size);
    if (overrides.size && *overrides.size != header.size && header.size != 0) member.pax_size = overrides.size;
    member.cut = size > rest;
    member.data = {data, std::min(size, rest)};
    overrides = global_;

    const std::uint64_t next = data + std::min(in_blocks(member.data.length), rest);
    note_padding(member.data, next);
    if (member.pax_size) detour(data + std::min(in_blocks(header.size), rest));
    if (!member.is_file() && size != 0) detour(data);  // most readers skip no data of links and folders
    archive_.members.push_back(std::move(member));
    return next;
  }

  void detour(std::uint64_t at) {
    constexpr std::size_t k_most_detours = 4096;
    if (at < source_.size && detours_.size() < k_most_detours) detours_.push_back(at);
  }

  void note_padding(ByteRange data, std::uint64_t next) {
    const std::uint64_t end = data.offset + data.length;
    if (end >= next) return;
    if (source_.bytes(end, next - end).all(0)) {
      note({end, next - end});
    } else {
      archive_.padding.push_back({end, next - end});
    }
  }

  void learn(const Header& header, ByteView body, Overrides& overrides) {
    if (header.type == 'L' || header.type == 'K') {
      const std::string_view text = body.text();
      (header.type == 'L' ? overrides.name : overrides.link) = std::string(text.substr(0, text.find('\0')));
      return;
    }
    if (pax_bytes_ + body.size() > k_most_pax_in_all) {
      archive_.limited = true;
      return;
    }
    pax_bytes_ += body.size();
    for (auto& [key, value] : read_pax(body)) {
      if (key == "path" || key == "GNU.sparse.name") overrides.name = value;
      if (key == "linkpath") overrides.link = value;
      if (key == "size") overrides.size = decimal(value);
      if (key.starts_with("GNU.sparse.")) overrides.is_sparse = true;
    }
    if (header.type == 'g') global_ = overrides;
  }

  const Source& source_;
  std::uint64_t max_members_;
  Archive archive_;
  Overrides global_;
  std::set<std::uint64_t> seen_;        // offsets of headers
  std::vector<std::uint64_t> detours_;
  std::uint64_t pax_bytes_ = 0;
  bool alternate_ = false;
};

}  // namespace

bool is_tar(const Source& source) {
  for (std::uint64_t i = 0; i <= k_most_leading_blocks; ++i) {
    const ByteView block = source.bytes(i * k_block, k_block);
    if (block.size() < k_block) return false;
    if (block.all(0)) continue;
    const auto header = read_header(block);
    if (!header || header->name.empty()) return false;
    return header->has_checksum ? header->has_magic || header->has_size : header->has_magic;
  }
  return false;
}

Archive read_archive(const Source& source, std::uint64_t max_members) { return Walker(source, max_members).read(); }

}  // namespace modelaudit::wire::tar
