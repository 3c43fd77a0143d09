// What a cache server sends, through hiredis and our callbacks: bounded, and in pieces as in one go.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "cache/redis_reply.hpp"
#include "modelaudit/bytes.hpp"

namespace {

using modelaudit::cache::RedisReply;
using modelaudit::cache::RedisReplyReader;

constexpr std::size_t k_most_items = 64;

std::size_t items_of(const RedisReply& reply) {
  std::size_t count = reply.items.size();
  for (const RedisReply& item : reply.items) count += items_of(item);
  return count;
}

/// Replies that could be read, counted with all that is in them.
std::size_t read_all(std::string_view bytes, std::size_t piece) {
  RedisReplyReader reader(k_most_items);
  std::size_t found = 0;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!reader.feed(bytes.substr(at, piece))) return found;
    for (auto reply = reader.next();; reply = reader.next()) {
      if (!reply && reply.error().code == modelaudit::Errc::absent) break;
      if (!reply) return found;
      const std::size_t items = items_of(*reply);
      if (items > k_most_items) std::abort();
      found += 1 + items;
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = modelaudit::ByteView(std::as_bytes(std::span(data, size))).text();
  if (size != 0 && read_all(bytes, size) != read_all(bytes, 1)) std::abort();
  return 0;
}
