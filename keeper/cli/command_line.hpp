// keeper's command line: argv to a Spec, by the field list of protocol/wire/spec.hpp. Changes nothing.
#pragma once
#include <set>
#include <string>
#include <variant>

#include "protocol/wire/spec.hpp"

namespace keeper {

struct CommandLine {
  Spec spec;             ///< what was given; the rest at its default
  bool named = false;    ///< -n was given
  bool detach = false;   ///< -d
  bool wait = true;      ///< until the run is confirmed; otherwise until it is spawned
  bool replace = false;  ///< a program that a killed keeper left is ended first
  std::string start;     ///< stem of a recorded app to start; empty: `spec` says what
  std::string to_stop;   ///< with `start`: it is taken over only to be stopped, for this command; or empty
  std::set<std::string> given;  ///< flags of spec's fields, as "--log-format"; also with a default's value
};

/// Nothing more to do: what to print, and the exit code.
struct Finished {
  int exit_code = 0;
  std::string text;  ///< to stdout for exit code 0, else to stderr
};

std::variant<CommandLine, Finished> parse_command_line(int argc, const char* const* argv);

}  // namespace keeper
