#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis_library.hpp"
#include "modelaudit/result.hpp"

namespace modelaudit::cache {

/// An answer of the server.
struct RedisReply {
  enum class Kind : std::uint8_t { nil, text, error, number, list };
  Kind kind = Kind::nil;
  std::string text;               ///< of text and error
  std::int64_t number = 0;
  std::vector<RedisReply> items;  ///< of a list
};

/// Takes a server's bytes apart. What the server claims is never allocated: a text takes memory as its bytes arrive, the
/// items of lists are counted against `max_items`.
class RedisReplyReader {
 public:
  explicit RedisReplyReader(std::size_t max_items);

  Result<void> feed(std::string_view bytes);
  /// The next reply; a Failure `absent` when more bytes are needed, `io_error` when they are not the protocol.
  Result<RedisReply> next();
  /// Nothing was fed that no reply has used.
  bool is_empty() const noexcept { return reader_->pos == reader_->len; }

 private:
  /// What hiredis fills through its callbacks. It keeps pointers into it between two calls, so it does not move.
  struct Growing {
    RedisReply root;
    std::size_t items_left;
  };
  struct Free {
    void operator()(redisReader* reader) const { redis_library().free_reader(reader); }
  };
  static RedisReply* place_of(const redisReadTask* task) noexcept;
  static void* make_text(const redisReadTask* task, char* text, std::size_t size) noexcept;
  static void* make_list(const redisReadTask* task, int size) noexcept;
  static void* make_number(const redisReadTask* task, long long number) noexcept;
  static void* make_nil(const redisReadTask* task) noexcept;

  std::size_t max_items_;
  std::unique_ptr<Growing> growing_;
  std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace modelaudit::cache
