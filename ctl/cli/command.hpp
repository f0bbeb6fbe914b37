// What a command of ctl is, and how a command line finds its own.
//
// Each command has a file of its own in commands/, and a line in commands/all.cpp. A command can have aliases
// (`ps`, `-l`); an alias can put a word before the others (`kill` is `signal KILL`).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

class Arguments;

struct Alias {
  std::string_view word;
  std::string_view first = {};  ///< a word that goes before the others: "--json"
};

struct Command {
  std::string_view name;
  char short_flag = 0;  ///< 'l' for `ctl -l`; 0: none
  std::vector<Alias> aliases;
  std::string_view usage;                      ///< after the name: "TARGET..."
  std::string_view summary;                    ///< one line, for the list of all
  std::string_view more;                       ///< further lines for its own help; may be empty
  std::string_view examples;                   ///< one a line: "ctl stop api      what it does"
  int (*run)(Arguments& arguments) = nullptr;  ///< the exit code
};

/// Runs the command that the words name, or shows a help. `commands`: in the order of --help. `words`: argv
/// without the program's name. Returns the exit code.
int run_ctl(std::span<const Command> commands, const std::vector<std::string>& words);

}  // namespace keeper
