#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "cache/file_backend.hpp"
#include "cache/support.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
namespace fs = std::filesystem;

namespace {

constexpr int k_not_possible = 77;

/// Scans every file some times; 0 when each result was right.
int scan_all(const CacheOptions& options, const std::vector<fs::path>& files, int rounds) {
  const auto manager = get_cache_manager(options);
  for (int round = 0; round < rounds; ++round) {
    for (const fs::path& file : files) {
      if (content_of(cached(*manager, file)) != file.filename().string()) return 1;
    }
  }
  return manager->run_stats().rejected == 0 ? 0 : 2;
}

std::vector<fs::path> make_files(const Workshop& shop, int count) {
  std::vector<fs::path> files;
  for (int i = 0; i < count; ++i) files.push_back(shop.folder.write("f" + std::to_string(i), "f" + std::to_string(i)));
  settle(files.back());
  return files;
}

pid_t start(const std::function<int()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int status = 97;
    try {
      status = body();
    } catch (const std::exception&) {
    }
    _exit(status);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("processes that start in an empty place at once share one cache", "[processes]") {
  const Workshop shop;
  const auto files = make_files(shop, 100);
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) children.push_back(start([&] { return scan_all(shop.options(), files, 3); }));
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  const CacheStats stats = shop.open()->stats();
  CHECK(stats.hits + stats.misses == 4 * 3 * 100);  // no count is lost
  CHECK(stats.hits >= 4 * 2 * 100);
  CHECK(stats.entries == 100);
  CHECK(stats.backend_failures == 0);
  CHECK(shop.records().size() == 100);  // no temporary file is left
}

TEST_CASE("a writer that is killed at any moment leaves whole records only", "[processes]") {
  const Workshop shop;
  const auto files = make_files(shop, 20);
  for (int round = 0; round < 15; ++round) {
    const pid_t child = start([&] {
      for (;;) {
        const auto manager = get_cache_manager(shop.options());
        (void)manager->clear();
        for (const fs::path& file : files) (void)cached(*manager, file);
      }
      return 0;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + 2 * round));
    REQUIRE(kill(child, SIGKILL) == 0);
    CHECK(wait_for(child) == 128 + SIGKILL);
    const auto manager = shop.open();
    for (const fs::path& file : files) CHECK(content_of(cached(*manager, file)) == file.filename().string());
    CHECK(manager->run_stats().rejected == 0);
    CHECK(manager->run_stats().backend_failures == 0);
  }
  (void)shop.open()->clear();
  CHECK(shop.records().empty());  // leftovers included
}

TEST_CASE("a folder that cannot be written serves hits and changes no result", "[processes]") {
  const Workshop shop;
  const auto files = make_files(shop, 20);
  (void)cached(*shop.open(), files[0]);
  give_to_child(shop.folder.path());
  for (const fs::path& file : files) settle(file);
  // A new owner is a new ctime, so the entry is made once more by the user.
  REQUIRE(in_child([&] { return content_of(cached(*shop.open(), files[0])) == "f0" ? 0 : 1; }) == 0);
  for (const auto& entry : fs::recursive_directory_iterator(shop.cache())) {
    if (entry.is_directory()) REQUIRE(chmod(entry.path().c_str(), 0500) == 0);
    if (entry.is_regular_file()) REQUIRE(chmod(entry.path().c_str(), 0400) == 0);
  }
  REQUIRE(chmod(shop.cache().c_str(), 0500) == 0);
  const int status = in_child([&] {
    const auto manager = shop.open();
    if (cached(*manager, files[0]).cache != CacheUse::identity_hit) return 1;
    for (const fs::path& file : files) {
      if (content_of(cached(*manager, file)) != file.filename().string()) return 2;
    }
    if (manager->run_stats().backend_failures == 0) return 3;
    return 0;
  });
  CHECK(status == 0);
  for (const auto& entry : fs::recursive_directory_iterator(shop.cache())) {
    if (entry.is_directory()) REQUIRE(chmod(entry.path().c_str(), 0700) == 0);
  }
  REQUIRE(chmod(shop.cache().c_str(), 0700) == 0);
}

TEST_CASE("an empty folder that cannot be written is an error when it was asked for", "[processes]") {
  const Workshop shop;
  fs::create_directory(shop.cache());
  give_to_child(shop.folder.path());
  REQUIRE(chmod(shop.cache().c_str(), 0500) == 0);
  const int status = in_child([&] {
    try {
      (void)shop.open();
    } catch (const Error&) {
      return 5;
    }
    return 0;
  });
  CHECK(status == 5);
}

TEST_CASE("when no file may grow the scan goes on", "[processes]") {
  const Workshop shop;
  const auto files = make_files(shop, 20);
  (void)shop.open();
  give_to_child(shop.folder.path());
  for (const fs::path& file : files) settle(file);
  const int status = in_child([&] {
    const auto manager = shop.open();
    signal(SIGXFSZ, SIG_IGN);
    const rlimit none{100, 100};
    if (setrlimit(RLIMIT_FSIZE, &none) != 0) return 1;
    for (const fs::path& file : files) {
      if (content_of(cached(*manager, file)) != file.filename().string()) return 2;
    }
    return manager->run_stats().backend_failures > 0 ? 0 : 3;
  });
  CHECK(status == 0);
  CHECK(shop.records().empty());  // not even half a record
}

TEST_CASE("a full disk changes no result", "[processes]") {
  const Workshop shop;
  const auto files = make_files(shop, 200);
  fs::create_directory(shop.cache());
  const int status = wait_for(start([&] {
    // A file system of 64 KiB that only this process sees; needs privileges that a test run may not have.
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", shop.cache().c_str(), "tmpfs", 0, "size=64k,mode=0700") != 0) {
      return k_not_possible;
    }
    for (int run = 0; run < 2; ++run) {
      const auto manager = shop.open();
      for (const fs::path& file : files) {
        if (content_of(cached(*manager, file)) != file.filename().string()) return 1;
      }
      if (manager->run_stats().backend_failures == 0) return 2;
      if (manager->run_stats().rejected != 0) return 3;
      if (run == 1 && manager->run_stats().hits == 0) return 4;
    }
    return 0;
  }));
  if (status == k_not_possible) {
    WARN("no file system can be mounted here: not tested");
  } else {
    CHECK(status == 0);
  }
}
