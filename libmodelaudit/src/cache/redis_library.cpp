#include "cache/redis_library.hpp"

#include <dlfcn.h>

#include <string>

#include "modelaudit/error.hpp"

namespace modelaudit::cache {
namespace {

#define MODELAUDIT_TEXT_OF(x) #x
#define MODELAUDIT_TEXT(x) MODELAUDIT_TEXT_OF(x)
// The very version whose headers we were built with: the layout of its structures changes with the number.
constexpr const char* k_library = "libhiredis.so." MODELAUDIT_TEXT(HIREDIS_SONAME);
#undef MODELAUDIT_TEXT
#undef MODELAUDIT_TEXT_OF

template <typename Function>
void load(void* library, const char* name, Function& function) {
  void* address = dlsym(library, name);
  if (address == nullptr) {
    throw Error(std::string("the installed ") + k_library + " lacks " + name + "; reinstall it (Debian: libhiredis0.14)");
  }
  function = reinterpret_cast<Function>(address);  // POSIX: dlsym() yields functions as data pointers
}

RedisLibrary load_all() {
  void* library = dlopen(k_library, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(std::string("a cache on a Redis server needs ") + k_library + "; install it (Debian: libhiredis0.14)");
  }
  RedisLibrary functions{};
  load(library, "redisFormatCommandArgv", functions.format);
  load(library, "redisFreeCommand", functions.free_command);
  load(library, "redisReaderCreateWithFunctions", functions.make_reader);
  load(library, "redisReaderFree", functions.free_reader);
  load(library, "redisReaderFeed", functions.feed);
  load(library, "redisReaderGetReply", functions.take_reply);
  return functions;
}

}  // namespace

const RedisLibrary& redis_library() {
  static const RedisLibrary functions = load_all();  // after a throw, the next call tries again
  return functions;
}

}  // namespace modelaudit::cache
