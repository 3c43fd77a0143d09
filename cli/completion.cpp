// modelaudit completion SHELL: written from the declared options, so that it cannot fall behind them.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <modelaudit/scanner.hpp>
#include <string>
#include <vector>

#include "command.hpp"
#include "console.hpp"

namespace modelaudit::cli {

namespace {

/// An option as the shells need it.
struct Word {
  std::vector<std::string> spellings;  ///< with their dashes
  std::string help;
  bool takes_value = false;
  std::vector<std::string> values;  ///< known values; empty: a path
};

struct CommandWords {
  std::string name;
  std::string help;
  std::vector<Word> options;
  std::vector<std::string> subcommands;
};

std::vector<std::string> scanner_ids() {
  std::vector<std::string> ids;
  const ScannerRegistry registry = ScannerRegistry::builtin();
  for (const auto& scanner : registry.all()) ids.push_back(scanner->info().id);
  return ids;
}

std::vector<std::string> known_values(const std::string& command, const std::string& option) {
  if (option == "format" && command == "rules") return {"table", "json", "markdown"};
  if (option == "format") return {"text", "json"};
  if (option == "scanners" || option == "exclude-scanner") return scanner_ids();
  return {};
}

Word word_of(const std::string& command, const CLI::Option& option) {
  Word word;
  for (const std::string& name : option.get_snames()) word.spellings.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) word.spellings.push_back("--" + name);
  word.help = option.get_description();
  word.takes_value = option.get_items_expected_max() > 0;
  if (!option.get_lnames().empty()) word.values = known_values(command, option.get_lnames().front());
  return word;
}

std::vector<CommandWords> collect(const CLI::App& program) {
  std::vector<CommandWords> commands;
  for (const CLI::App* app : program.get_subcommands([](const CLI::App*) { return true; })) {
    CommandWords command{app->get_name(), app->get_description(), {}, {}};
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_positional()) command.options.push_back(word_of(command.name, *option));
    }
    for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; })) {
      command.subcommands.push_back(sub->get_name());
    }
    if (command.name == "completion") command.subcommands = {"bash", "zsh", "fish"};
    commands.push_back(std::move(command));
  }
  return commands;
}

std::string joined(const std::vector<std::string>& words, const char* separator = " ") {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : separator) + word;
  return out;
}

/// Between single quotes of a POSIX shell or fish.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

std::string for_bash(const std::vector<CommandWords>& commands) {
  std::vector<std::string> names;
  std::string cases;
  std::string values;
  for (const CommandWords& command : commands) {
    names.push_back(command.name);
    std::vector<std::string> words = command.subcommands;
    for (const Word& option : command.options) {
      words.insert(words.end(), option.spellings.begin(), option.spellings.end());
      for (const std::string& spelling : option.spellings) {
        if (option.values.empty()) continue;
        values += "    " + command.name + ":" + spelling + ") COMPREPLY=($(compgen -W '" + joined(option.values) +
                  "' -- \"$cur\")); return ;;\n";
      }
    }
    cases += "    " + command.name + ") words='" + joined(words) + "' ;;\n";
  }
  return "# bash completion for modelaudit\n"
         "_modelaudit() {\n"
         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" command=scan words=\n"
         "  local first=\"${COMP_WORDS[1]}\"\n"
         "  case \"$first\" in " +
         joined(names, "|") +
         ") (( COMP_CWORD > 1 )) && command=\"$first\" ;; esac\n"
         "  case \"$command:$prev\" in\n" +
         values +
         "  esac\n"
         "  case \"$command\" in\n" +
         cases +
         "  esac\n"
         "  (( COMP_CWORD == 1 )) && words=\"" +
         joined(names) +
         " --help --version $words\"\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "  [[ $cur == -* ]] || COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
         "}\n"
         "complete -o filenames -F _modelaudit modelaudit\n";
}

/// Text inside a zsh _arguments specification: brackets and colons have a meaning there.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string for_zsh(const std::vector<CommandWords>& commands) {
  std::string list;
  std::string cases;
  for (const CommandWords& command : commands) {
    list += "    " + quoted(zsh_text(command.name) + ":" + zsh_text(command.help)) + "\n";
    cases += "    " + command.name + ")\n      _arguments";
    for (const Word& option : command.options) {
      const std::string action = !option.takes_value     ? ""
                                 : option.values.empty() ? ":value:_files"
                                                         : ":value:(" + joined(option.values) + ")";
      for (const std::string& spelling : option.spellings) {
        cases += " \\\n        " + quoted("*" + spelling + "[" + zsh_text(option.help) + "]" + action);
      }
    }
    cases += " \\\n        " +
             quoted(command.subcommands.empty() ? "*:path:_files" : "1:command:(" + joined(command.subcommands) + ")") +
             "\n      ;;\n";
  }
  return "#compdef modelaudit\n"
         "_modelaudit() {\n"
         "  local -a commands\n"
         "  commands=(\n" +
         list +
         "  )\n"
         "  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
         "    _describe command commands\n"
         "    _files\n"
         "    return\n"
         "  fi\n"
         "  local command=scan\n"
         "  if (( ${commands[(I)${words[2]}:*]} )); then\n"
         "    command=$words[2]\n"
         "    shift words\n"
         "    (( CURRENT-- ))\n"
         "  fi\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "}\n"
         "_modelaudit \"$@\"\n";
}

std::string for_fish(const std::vector<CommandWords>& commands) {
  std::string out = "# fish completion for modelaudit\n";
  std::vector<std::string> others;
  for (const CommandWords& command : commands) {
    out += "complete -c modelaudit -n __fish_use_subcommand -a " + command.name + " -d " + quoted(command.help) + "\n";
    if (command.name != "scan") others.push_back(command.name);
  }
  for (const CommandWords& command : commands) {
    // No command means scan.
    const std::string when = command.name == "scan" ? "not __fish_seen_subcommand_from " + joined(others)
                                                    : "__fish_seen_subcommand_from " + command.name;
    for (const std::string& sub : command.subcommands) {
      out += "complete -c modelaudit -n " + quoted(when) + " -a " + sub + "\n";
    }
    for (const Word& option : command.options) {
      out += "complete -c modelaudit -n " + quoted(when);
      for (const std::string& spelling : option.spellings) {
        out += spelling.starts_with("--") ? " -l " + spelling.substr(2) : " -s " + spelling.substr(1);
      }
      if (option.takes_value) out += " -r";
      if (!option.values.empty()) out += " -f -a " + quoted(joined(option.values));
      out += " -d " + quoted(option.help) + "\n";
    }
  }
  return out;
}

}  // namespace

Command add_completion(CLI::App& program) {
  CLI::App* app = program.add_subcommand("completion", "Print the completion script of a shell");
  auto shell = std::make_shared<std::string>();
  app->add_option("shell", *shell, "bash, zsh or fish")
      ->type_name("SHELL")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return {app, [shell, &program] {
            const std::vector<CommandWords> commands = collect(program);
            print(*shell == "bash" ? for_bash(commands) : *shell == "zsh" ? for_zsh(commands) : for_fish(commands));
            return k_ok;
          }};
}

}  // namespace modelaudit::cli
