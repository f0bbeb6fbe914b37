// What a command of ctl is, and how a command line finds its own.
//
// One command, one file in this folder, one line in all.cpp. Other words for a command (`ps`, `-l`) are other
// ways to the same one; some stand for it with words already filled in (`kill` is `signal KILL`).
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

/// In the order in which --help shows them.
std::span<const Command> all_commands();

/// argv without the program's name; the exit code.
int run_ctl(const std::vector<std::string>& words);

}  // namespace keeper
