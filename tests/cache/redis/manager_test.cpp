#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "cache/support.hpp"
#include "real_server.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

/// What a host of a fleet says: the server and the fleet's key.
CacheOptions fleet(const RealServer& server, const Workshop& shop) {
  CacheOptions options;
  options.url = server.url();
  options.key_file = shop.folder / "fleet.key";
  if (!fs::exists(options.key_file)) (void)CacheSecret::from_file(options.key_file);
  return options;
}

/// What `body` says in a process of its own.
bool in_process(const std::function<bool()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status == 0;
}

}  // namespace

TEST_CASE("what one process scanned is a hit in the next", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop shop;
  const fs::path file = shop.file("model", "content");
  const auto first = get_cache_manager(fleet(server, shop));
  CHECK(first->server() == "unix://" + server.socket() + "?db=0");
  CHECK(first->directory().empty());
  CHECK(content_of(cached(*first, file)) == "content");
  CHECK(first->run_stats().misses == 1);
  CHECK(in_process([&] {
    const auto second = get_cache_manager(fleet(server, shop));
    return content_of(cached(*second, file)) == "content" && second->run_stats().hits == 1;
  }));
}

TEST_CASE("those who do not share a key do not get in each other's way", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop one;
  const Workshop two;
  const fs::path file = one.file("model", "content");
  const auto ours = get_cache_manager(fleet(server, one));
  const auto theirs = get_cache_manager(fleet(server, two));
  (void)cached(*ours, file);
  (void)cached(*theirs, file);
  CHECK(theirs->run_stats().rejected == 0);
  CHECK(theirs->run_stats().misses == 1);
  CHECK(ours->stats().entries == 1);
  CHECK(theirs->clear().entries == 1);
  CHECK(ours->stats().entries == 1);
  (void)cached(*ours, file);
  CHECK(ours->run_stats().hits == 1);
}

TEST_CASE("whatever another client writes into the entries is a miss with a counter", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop shop;
  const fs::path file = shop.file("model", "content");
  const auto manager = get_cache_manager(fleet(server, shop));
  (void)cached(*manager, file);
  const std::string name = server.tell({"RANDOMKEY"});
  const std::string record = server.tell({"GET", name});
  REQUIRE(record.size() > 100);
  std::vector<std::string> hostile{"x", std::string(1000, '\0'), record.substr(0, record.size() - 1), record + "x",
                                   record.substr(0, 8), std::string(20'000'000, 'M')};
  for (std::size_t at = 0; at < record.size(); at += 7) {
    hostile.push_back(record);
    hostile.back()[at] = static_cast<char>(hostile.back()[at] ^ 1);
  }
  for (const std::string& value : hostile) {
    CHECK(server.tell({"SET", name, value}) == "OK");
    const auto before = manager->run_stats();
    CHECK(content_of(cached(*manager, file)) == "content");
    CHECK(manager->run_stats().rejected == before.rejected + 1);
    CHECK(manager->run_stats().misses == before.misses + 1);
    CHECK(server.tell({"GET", name}) == record);  // healed
  }
  CHECK(server.tell({"DEL", name}) == "1");
  CHECK(server.tell({"HSET", name, "a", "b"}) == "1");
  CHECK(content_of(cached(*manager, file)) == "content");
  CHECK(manager->run_stats().backend_failures == 0);
}

TEST_CASE("a record under another key's name is refused", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop shop;
  const auto manager = get_cache_manager(fleet(server, shop));
  (void)cached(*manager, shop.file("harmless", "harmless"));
  const std::string harmless = server.tell({"GET", server.tell({"RANDOMKEY"})});
  server.tell({"FLUSHALL"});
  const fs::path file = shop.file("harmful", "harmful");
  (void)cached(*manager, file);
  CHECK(server.tell({"SET", server.tell({"RANDOMKEY"}), harmless}) == "OK");
  CHECK(content_of(cached(*manager, file)) == "harmful");
  CHECK(manager->run_stats().rejected == 1);
}

TEST_CASE("clear and cleanup remove our entries and nothing else", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop shop;
  const auto manager = get_cache_manager(fleet(server, shop));
  (void)cached(*manager, shop.file("a", "a"));
  (void)cached(*manager, shop.file("b", "b"));
  server.tell({"SET", "session:1", "somebody's"});
  server.tell({"SET", "modelaudit:1:somebody's", "somebody's"});
  const auto inspected = get_cache_manager(fleet(server, shop), CacheAccess::inspect);
  CHECK(inspected->stats().entries == 2);
  CHECK(inspected->cleanup(std::chrono::hours{24}).entries == 0);
  CHECK(inspected->cleanup(std::chrono::seconds::min(), true).entries == 2);
  CHECK(server.tell({"DBSIZE"}) == "4");
  CHECK(inspected->clear().entries == 2);
  CHECK(server.tell({"DBSIZE"}) == "2");
}

TEST_CASE("the totals of all runs are kept on the server, whatever somebody writes there", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop shop;
  const fs::path file = shop.file("model", "content");
  for (int run = 0; run < 3; ++run) (void)cached(*get_cache_manager(fleet(server, shop)), file);
  const auto inspected = get_cache_manager(fleet(server, shop), CacheAccess::inspect);
  const CacheStats stats = inspected->stats();
  CHECK(stats.hits == 2);
  CHECK(stats.misses == 1);
  CHECK(stats.time_saved_us == 2000);
  CHECK(inspected->clear().entries == stats.entries);
  CHECK(inspected->stats().hits == 2);  // the totals stay
  const std::string name = server.tell({"RANDOMKEY"});
  CHECK_THAT(name, Catch::EndsWith(":totals"));
  server.tell({"HSET", name, "hits", "-7", "misses", "many"});
  CHECK(inspected->stats().hits == 0);
  CHECK(inspected->stats().misses == 0);
  CHECK(inspected->stats().time_saved_us == 2000);
  server.tell({"SET", name, "somebody's"});
  CHECK(inspected->stats().hits == 0);
  (void)cached(*get_cache_manager(fleet(server, shop)), file);  // ends without a sound
  CHECK(server.tell({"GET", name}) == "somebody's");
}

TEST_CASE("a server that is killed in the middle changes no result", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop shop;
  const auto manager = get_cache_manager(fleet(server, shop));
  for (int i = 0; i < 100; ++i) {
    if (i == 50) server.kill();
    const std::string text = "content " + std::to_string(i % 25);
    CHECK(content_of(cached(*manager, shop.file("f" + std::to_string(i % 25), text))) == text);
  }
  CHECK(manager->run_stats().backend_failures > 0);
  CHECK(manager->last_failure() == "cache: the server cannot be reached");
  CHECK(manager->run_stats().rejected == 0);
}

TEST_CASE("a fleet's key must exist, and an address must be one", "[redis]") {
  const Workshop shop;
  CacheOptions options;
  options.url = "redis://127.0.0.1:1";
  options.key_file = shop.folder / "misspelt.key";
  CHECK_THROWS_WITH(get_cache_manager(options), Catch::Contains("misspelt.key, does not exist"));
  CHECK_FALSE(fs::exists(options.key_file));
  (void)CacheSecret::from_file(options.key_file);
  CHECK(get_cache_manager(options)->server() == "redis://127.0.0.1:1/0");  // not asked yet
  options.dir = shop.cache();
  CHECK_THROWS_AS(get_cache_manager(options), Error);
  options.dir.clear();
  options.url = "memcached://h";
  CHECK_THROWS_AS(get_cache_manager(options), Error);
  Options all;
  all.cache = options;
  CHECK_THROWS_AS(Auditor(all), Error);  // it was asked for by name
}

TEST_CASE("the password comes from the environment or a file, and a missing file is said", "[redis]") {
  if (!has_redis_server()) return;
  RealServer server;
  const Workshop shop;
  const fs::path model = shop.file("model", "content");
  CHECK(server.tell({"CONFIG", "SET", "requirepass", "hush"}) == "OK");
  const auto works = [&] {
    const auto manager = get_cache_manager(fleet(server, shop));
    (void)cached(*manager, model);
    return manager->run_stats().backend_failures == 0;
  };
  CHECK_FALSE(works());
  setenv("MODELAUDIT_CACHE_PASSWORD", "hush", 1);
  CHECK(works());
  unsetenv("MODELAUDIT_CACHE_PASSWORD");
  const fs::path file = shop.folder.write("password", "hush\n");
  fs::create_symlink(file, shop.folder / "mounted");
  setenv("MODELAUDIT_CACHE_PASSWORD_FILE", (shop.folder / "mounted").c_str(), 1);
  CHECK(works());
  fs::remove(file);
  CHECK_THROWS_WITH(works(), Catch::Contains("MODELAUDIT_CACHE_PASSWORD_FILE") && !Catch::Contains("hush"));
  unsetenv("MODELAUDIT_CACHE_PASSWORD_FILE");
}
