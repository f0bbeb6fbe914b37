#include "ctl/commands/spec_options.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/current_directory.hpp"

extern char** environ;

namespace keeper {

void SpecOptions::declare(Arguments& arguments) {
  arguments.texts("-e,--env", variables_, "KEY=VALUE", "set a variable of the program, from now on");
  arguments.texts("--env-file", change_.env_files, "FILE", "read its variables from this file, from now on");
  arguments.flag("--refresh-env", change_.refresh,
                 "give it this shell's variables, instead of those of the shell that started it");
}

std::optional<int> SpecOptions::check(const Arguments& arguments) {
  for (const std::string& variable : variables_)
    if (Done done = add_variable(change_.env, variable); !done)
      return arguments.wrong("--env: " + done.error().why());
  for (std::string& file : change_.env_files) {
    if (!file.starts_with('/')) {
      const auto here = current_directory();
      if (!here) return arguments.wrong("--env-file: the current directory: " + here.error().why());
      file = *here + "/" + file;
    }
    if (access(file.c_str(), R_OK) != 0)
      return arguments.wrong("--env-file: " + file + ": " + strerror(errno));
  }
  if (change_.refresh)
    for (char** at = environ; *at != nullptr; ++at)
      change_.environment.emplace_back(*at);
  return std::nullopt;
}

}  // namespace keeper
