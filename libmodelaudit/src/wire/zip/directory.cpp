#include "wire/zip/directory.hpp"

#include <algorithm>

namespace modelaudit::wire::zip {

namespace {

bool leads_somewhere(const Source& source, const EndRecord& end) {
  return end.records == 0 || !directories_of(source, end, 1).empty();
}

}  // namespace

Directory read_records(const Source& source, std::uint64_t offset, std::uint64_t stop, std::uint64_t max_records) {
  Directory directory;
  directory.offset = offset;
  const ByteView bytes = source.bytes(offset, stop > offset ? stop - offset : 0);
  std::uint64_t at = 0;
  while (directory.listed < max_records) {
    const auto record = read_central(bytes.from(at));
    if (!record) break;
    at += record->length();
    ++directory.listed;
    directory.records.push_back(*record);
  }
  directory.length = at;
  return directory;
}

std::vector<Directory> directories_of(const Source& source, const EndRecord& end, std::uint64_t max_records) {
  std::vector<Directory> found;
  const std::uint64_t stop = end.directory_end();
  const auto add = [&](std::uint64_t offset, std::uint64_t base, std::uint64_t declared) {
    if (offset >= stop) return;
    const auto is_same = [&](const Directory& d) { return d.offset == offset; };
    if (std::any_of(found.begin(), found.end(), is_same)) return;
    Directory directory = read_records(source, offset, stop, max_records);
    if (directory.is_empty()) return;
    directory.end = end;
    directory.base = base;
    directory.declared = declared;
    directory.cut = directory.listed < declared;
    found.push_back(std::move(directory));
  };
  const auto add_both = [&](std::uint64_t size, std::uint64_t offset, std::uint64_t declared) {
    const bool fits = size <= stop;
    const std::uint64_t counted_back = fits ? stop - size : 0;
    const std::uint64_t base = fits && counted_back >= offset ? counted_back - offset : 0;
    if (fits) add(counted_back, base, declared);
    add(offset, base, declared);
  };
  add_both(end.directory_size, end.directory_offset, end.records);
  if (end.contradicted) {
    add_both(end.contradicted->directory_size, end.contradicted->directory_offset, end.contradicted->records);
  }
  return found;
}

std::vector<EndRecord> find_ends(const Source& source) {
  std::vector<EndRecord> ends;
  if (source.size < k_end_size) return ends;
  // The ordinary archive has no comment: one look, and no reader that counts back sees anything else.
  if (const auto end = read_end(source, source.size - k_end_size)) {
    if (end->comment_length == 0 && leads_somewhere(source, *end)) return {*end};
  }
  const std::uint64_t window = std::min(source.size, k_end_window);
  const std::uint64_t start = source.size - window;
  const ByteView tail = source.bytes(start, window);
  std::vector<std::uint64_t> candidates;
  for (auto at = tail.find(k_end_magic); at; at = tail.find(k_end_magic, *at + 1)) candidates.push_back(start + *at);
  std::optional<EndRecord> last;
  std::optional<EndRecord> reaching;
  constexpr std::size_t k_most_candidates = 4096;  // a tail full of signatures must stay cheap
  if (candidates.size() > k_most_candidates) candidates.erase(candidates.begin(), candidates.end() - k_most_candidates);
  for (auto at = candidates.rbegin(); at != candidates.rend() && !reaching; ++at) {
    const auto end = read_end(source, *at);
    if (!end || !leads_somewhere(source, *end)) continue;
    if (!last) last = end;
    if (end->end() == source.size) reaching = end;
  }
  if (reaching) ends.push_back(*reaching);
  if (last && (!reaching || last->offset != reaching->offset)) ends.push_back(*last);
  return ends;
}

}  // namespace modelaudit::wire::zip
