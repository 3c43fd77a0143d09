#include <cstdint>
#include <cstdlib>
#include <span>

#include "cache/envelope.hpp"
#include "cache/replay.hpp"
#include "result/binary.hpp"

// A record of the cache as a hostile backend would hand it out, and the payload as if its MAC had been right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelaudit;
  const ByteView bytes(std::as_bytes(std::span(data, size)));
  const Digest secret{};
  const Digest key{};
  (void)cache::unseal(secret, key, "fuzz", bytes).has_value();

  const auto entry = result::from_binary(bytes);
  if (!entry) return 0;
  const auto again = result::to_binary(entry->result, entry->trace);
  if (!again) std::abort();  // what was read from so few bytes fits the form
  const auto record = cache::seal(secret, key, "fuzz", ByteView(std::span(*again)));
  const auto payload = cache::unseal(secret, key, "fuzz", ByteView(std::span(record)));
  if (!payload) std::abort();
  const auto third = result::from_binary(*payload);
  if (!third || third->result != entry->result || third->trace != entry->trace) std::abort();

  // A hostile recipe is asked again of a file that cannot be read, and of content without a file.
  using cache::Scope;
  const Trace& trace = entry->trace;
  if (!cache::same_recipe(trace, third->trace, Scope::ranges)) std::abort();
  if (cache::observations_of(trace, Scope::ranges) != cache::observations_of(third->trace, Scope::ranges)) std::abort();
  if (!trace.ranges.empty() && cache::Replay(-1, "model.bin", Scope::ranges).observe(trace)) {
    // Ranges without a byte can be read of any file.
    for (const ByteRange& range : trace.ranges) {
      if (range.length != 0) std::abort();
    }
  }
  const auto now = cache::Replay(-1, "model.bin", Scope::content).observe(trace);
  if (now && (!trace.companions.empty() || !trace.listings.empty())) std::abort();
  return 0;
}
