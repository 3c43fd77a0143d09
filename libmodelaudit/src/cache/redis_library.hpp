#pragma once

#include <hiredis/hiredis.h>

namespace modelaudit::cache {

/// The part of libhiredis that we use: writing commands and reading replies. The socket is ours, so that a deadline
/// holds for a whole exchange and not for each read of it.
struct RedisLibrary {
  decltype(&::redisFormatCommandArgv) format;
  decltype(&::redisFreeCommand) free_command;
  decltype(&::redisReaderCreateWithFunctions) make_reader;
  decltype(&::redisReaderFree) free_reader;
  decltype(&::redisReaderFeed) feed;
  decltype(&::redisReaderGetReply) take_reply;
};

/// Loads the library at the first call; it is never linked, so that a host without Redis does not need it.
/// @throws Error that says what to install.
const RedisLibrary& redis_library();

}  // namespace modelaudit::cache
