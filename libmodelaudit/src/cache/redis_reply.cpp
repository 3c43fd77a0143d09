#include "cache/redis_reply.hpp"

#include <new>

namespace modelaudit::cache {
namespace {

constexpr Failure k_not_the_protocol{Errc::io_error, 0, "cache: the server does not speak the Redis protocol"};

}  // namespace

/// Where the value that hiredis has just read belongs; nullptr when it is more than was announced.
RedisReply* RedisReplyReader::place_of(const redisReadTask* task) noexcept {
  auto& growing = *static_cast<Growing*>(task->privdata);
  if (task->parent == nullptr) return &growing.root;
  auto& items = static_cast<RedisReply*>(task->parent->obj)->items;
  const auto index = static_cast<std::size_t>(task->idx);
  return index < items.size() ? &items[index] : nullptr;
}

// A nullptr makes hiredis give up; no exception may cross it.

void* RedisReplyReader::make_text(const redisReadTask* task, char* text, std::size_t size) noexcept {
  RedisReply* reply = place_of(task);
  if (reply == nullptr) return nullptr;
  try {
    reply->text.assign(text, size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  reply->kind = task->type == REDIS_REPLY_ERROR ? RedisReply::Kind::error : RedisReply::Kind::text;
  return reply;
}

void* RedisReplyReader::make_list(const redisReadTask* task, int size) noexcept {
  auto& growing = *static_cast<Growing*>(task->privdata);
  RedisReply* reply = place_of(task);
  if (reply == nullptr || size < 0 || static_cast<std::size_t>(size) > growing.items_left) return nullptr;
  growing.items_left -= static_cast<std::size_t>(size);
  try {
    reply->items.resize(static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  reply->kind = RedisReply::Kind::list;
  return reply;
}

void* RedisReplyReader::make_number(const redisReadTask* task, long long number) noexcept {
  RedisReply* reply = place_of(task);
  if (reply == nullptr) return nullptr;
  reply->kind = RedisReply::Kind::number;
  reply->number = number;
  return reply;
}

void* RedisReplyReader::make_nil(const redisReadTask* task) noexcept { return place_of(task); }

RedisReplyReader::RedisReplyReader(std::size_t max_items)
    : max_items_(max_items), growing_(std::make_unique<Growing>(Growing{{}, max_items})) {
  // hiredis would free what it was handed; ours frees itself.
  static redisReplyObjectFunctions callbacks{make_text, make_list, make_number, make_nil, [](void*) {}};
  reader_.reset(redis_library().make_reader(&callbacks));
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = growing_.get();
}

Result<void> RedisReplyReader::feed(std::string_view bytes) {
  if (redis_library().feed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) return k_not_the_protocol;
  return {};
}

Result<RedisReply> RedisReplyReader::next() {
  void* reply = nullptr;
  if (redis_library().take_reply(reader_.get(), &reply) != REDIS_OK) return k_not_the_protocol;
  if (reply == nullptr) return Failure{Errc::absent, 0, "cache: the reply is not complete"};
  if (reply != &growing_->root) return k_not_the_protocol;  // a type that our callbacks do not know
  RedisReply done = std::move(growing_->root);
  *growing_ = Growing{{}, max_items_};
  return done;
}

}  // namespace modelaudit::cache
