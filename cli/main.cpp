#include <CLI/CLI.hpp>
#include <cstdio>
#include <modelaudit/auditor.hpp>
#include <modelaudit/error.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "console.hpp"

namespace {

using namespace modelaudit;

constexpr const char* k_footer =
    "A first word that is no command is a path: 'modelaudit model.pt' scans it.\n"
    "Exit status of a scan: 0 clean, 1 findings, 2 inconclusive or failed, 130 interrupted.";

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  for (const std::string_view known : words) {
    if (word == known) return true;
  }
  return false;
}

/// The words after the program's name, with `scan` put first where no command was named.
std::vector<std::string> words_of(int argc, char** argv, const std::vector<cli::Command>& commands) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || is_one_of(words[0], {"-h", "--help", "--version"})) return words;
  for (const cli::Command& command : commands) {
    if (command.app->check_name(words[0])) return words;
  }
  words.insert(words.begin(), "scan");
  return words;
}

int run(int argc, char** argv) {
  CLI::App program{"Finds out what loading a machine-learning model file would do, without loading it.", "modelaudit"};
  program.set_version_flag("--version", "modelaudit " + std::string(library_version()), "Print the version and exit");
  program.footer(k_footer);
  program.require_subcommand(0, 1);
  const std::vector<cli::Command> commands = {cli::add_scan(program), cli::add_cache(program), cli::add_rules(program),
                                              cli::add_doctor(program), cli::add_completion(program)};
  std::vector<std::string> words = words_of(argc, argv, commands);
  if (words.empty()) {
    cli::print(program.help());
    return cli::k_usage;
  }
  try {
    std::reverse(words.begin(), words.end());  // parse() takes them from the back
    program.parse(words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      program.exit(error);  // help and version, on stdout
      return cli::k_ok;
    }
    throw cli::UsageError(std::string(error.what()) + "; 'modelaudit --help' shows what there is");
  }
  for (const cli::Command& command : commands) {
    if (command.app->parsed()) return command.run();
  }
  return cli::k_usage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const modelaudit::cli::UsageError& error) {
    modelaudit::cli::complain(error.what());
  } catch (const modelaudit::Error& error) {
    modelaudit::cli::complain(error.what());
  } catch (const std::exception& error) {
    modelaudit::cli::complain(std::string("internal error, please report it: ") + error.what());
  }
  return modelaudit::cli::k_usage;
}
