/// @file
/// The commands. Each lives in a file of its own, which declares its options and does its work.
#pragma once

#include <functional>
#include <stdexcept>

namespace CLI {
class App;
}

namespace modelaudit::cli {

/// Exit statuses of the program; those of a scan come from modelaudit::exit_status().
constexpr int k_ok = 0;
constexpr int k_command_failed = 1;  ///< `cache` and `rules`: could not do it, or no such rule
constexpr int k_usage = 2;           ///< the command line is wrong

/// The command line asks for something that cannot be: one sentence that says what, and what to do.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;  ///< returns the exit status
};

Command add_scan(CLI::App& program);
Command add_cache(CLI::App& program);
Command add_rules(CLI::App& program);
Command add_doctor(CLI::App& program);
Command add_completion(CLI::App& program);

}  // namespace modelaudit::cli
