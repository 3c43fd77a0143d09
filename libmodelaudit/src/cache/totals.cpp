#include "cache/totals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "cache/folder.hpp"
#include "cache/posix.hpp"
#include "modelaudit/bytes.hpp"

namespace modelaudit::cache {
namespace {

constexpr std::string_view k_magic = "MATOTAL2";
constexpr std::uint64_t k_record = 80;
constexpr std::uint64_t k_max_log = std::uint64_t{64} << 20;
constexpr std::uint64_t k_compact_above = 64 << 10;

std::vector<std::byte> encode(const Counts& counts) {
  std::vector<std::byte> record;
  const auto magic = as_view(k_magic).span();
  record.insert(record.end(), magic.begin(), magic.end());
  for (const std::uint64_t value : {counts.hits, counts.trace_hits, counts.misses, counts.bypassed, counts.rejected,
                                    counts.backend_failures, counts.bytes_hashed, counts.time_saved_us,
                                    static_cast<std::uint64_t>(counts.stored_bytes)}) {
    for (int i = 0; i < 8; ++i) record.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  return record;
}

Counts sum(ByteView log) {
  Counts total;
  auto at = log.find(k_magic);
  while (at) {
    const ByteView record = log.clip(*at, k_record);
    const auto next = log.find(k_magic, *at + k_magic.size());
    // A record that the next one begins within was torn.
    if (record.size() == k_record && (!next || *next - *at >= k_record)) {
      const auto field = [&](std::uint64_t i) { return *record.le<std::uint64_t>(8 * i); };
      total.add({field(1), field(2), field(3), field(4), field(5), field(6), field(7), field(8),
                 static_cast<std::int64_t>(field(9))});
    }
    at = next;
  }
  return total;
}

}  // namespace

void Counts::add(const Counts& other) noexcept {
  hits += other.hits;
  trace_hits += other.trace_hits;
  misses += other.misses;
  bypassed += other.bypassed;
  rejected += other.rejected;
  backend_failures += other.backend_failures;
  bytes_hashed += other.bytes_hashed;
  time_saved_us += other.time_saved_us;
  // Unsigned, so that a damaged log cannot overflow.
  stored_bytes = static_cast<std::int64_t>(static_cast<std::uint64_t>(stored_bytes) +
                                           static_cast<std::uint64_t>(other.stored_bytes));
}

Result<void> append_totals(int folder, const Counts& counts) {
  const io::Descriptor fd(openat(folder, k_totals_file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Failure{Errc::io_error, 0, "cache: the totals cannot be opened"};
  return write_all(fd.get(), encode(counts));
}

Counts read_totals(int folder) noexcept {
  try {
    const auto log = read_small_file(folder, k_totals_file, k_max_log);
    return log ? sum(ByteView(std::span(*log))) : Counts{};
  } catch (const std::bad_alloc&) {
    return {};
  }
}

void compact_totals(int folder) noexcept {
  try {
    const auto log = read_small_file(folder, k_totals_file, k_max_log);
    if (!log || log->size() < k_compact_above) return;
    const std::string old = temporary_name(".new-totals-");
    if (renameat(folder, k_totals_file, folder, old.c_str()) != 0) return;
    // Read again: runs may have ended since. One that opened the log before the rename and writes after this read is
    // lost; that window is some microseconds in a thousand runs.
    const auto whole = read_small_file(folder, old, k_max_log);
    if (whole && append_totals(folder, sum(ByteView(std::span(*whole))))) unlinkat(folder, old.c_str(), 0);
  } catch (const std::bad_alloc&) {
    return;  // the log stays as it is
  }
}

}  // namespace modelaudit::cache
