#include "ctl/cli/command.hpp"

#include <algorithm>
#include <cstdio>

#include "ctl/cli/arguments.hpp"
#include "ctl/ops/exit_code.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

using Commands = std::span<const Command>;
using Words = std::vector<std::string>;

/// A command, and what its alias put before the other words.
struct Found {
  const Command* command = nullptr;
  std::string_view first;
};

Found find_command(Commands commands, std::string_view word) {
  for (const Command& command : commands) {
    if (word == command.name) return {&command, {}};
    if (command.short_flag != 0 && word == std::string{'-', command.short_flag}) return {&command, {}};
    for (const Alias& alias : command.aliases)
      if (word == alias.word) return {&command, alias.first};
  }
  return {};
}

int run_command(const Found& found, Words words) {
  if (!found.first.empty()) words.insert(words.begin(), std::string(found.first));
  Arguments arguments(*found.command, std::move(words));
  return found.command->run(arguments);
}

std::string commands_text(Commands commands) {
  std::string out;
  for (const Command& command : commands) {
    char line[160];
    std::string call = std::string(command.name) + " " + std::string(command.usage);
    std::string flag = command.short_flag != 0 ? std::string("-") + command.short_flag : "";
    std::snprintf(line, sizeof line, "  %-24s %-3s %s\n", call.c_str(), flag.c_str(),
                  std::string(command.summary).c_str());
    out += line;
  }
  return out;
}

std::string help_text(Commands commands) {
  return "Usage: ctl COMMAND [OPTIONS] [TARGET...]\n\n"
         "Lists, stops, restarts and reads the logs of what keeper keeps.\n\nCommands:\n" +
         commands_text(commands) +
         R"(
A TARGET is the name of an app (all its instances), NAME:N (one of them), a process id (the
program's or its keeper's), a quoted glob ('w*'), or all.

Examples:
  ctl list                    what is kept
  ctl -s api                  stop api
  ctl restart 'worker*'       restart every app whose name begins with worker
  ctl logs -f api             what it writes, from now on
  ctl list --json             for scripts
  ctl stop --help             more about one command

Files are in $KEEPER_HOME, else ~/.keeper. Exit codes: 0 done, 1 failed, 2 wrong usage,
3 not running, 4 no such target, 5 partly done, or no answer in time.
)";
}

int no_such_command(const std::string& word) {
  std::fprintf(stderr, "ctl: cannot run '%s': no such command; 'ctl --help' shows what there is\n",
               escaped(word).c_str());
  return exit_code::usage;
}

int help(Commands commands, const Words& words) {
  if (words.size() < 2) {
    std::fputs(help_text(commands).c_str(), stdout);
    return exit_code::done;
  }
  Found found = find_command(commands, words[1]);
  if (found.command == nullptr) return no_such_command(words[1]);
  return run_command({found.command, {}}, {"--help"});
}

}  // namespace

int run_ctl(Commands commands, const Words& words) {
  if (words.empty()) {
    std::fputs(help_text(commands).c_str(), stderr);
    return exit_code::usage;
  }
  const std::string& word = words.front();
  if (word == "help" || word == "--help" || word == "-h") return help(commands, words);
  if (word == "--version" || word == "-V") {
    std::puts("ctl " KEEPER_VERSION);
    return exit_code::done;
  }
  Found found = find_command(commands, word);
  if (found.command == nullptr) return no_such_command(word);
  return run_command(found, Words(words.begin() + 1, words.end()));
}

}  // namespace keeper
