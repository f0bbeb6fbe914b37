// From a command line to a keeper: finds the program, takes a name, writes the spec, binds the socket, and
// becomes the keeper by exec of itself (in the foreground), or starts it in a process of its own and waits
// for its first report.
#pragma once
#include "keeper/cli/command_line.hpp"

namespace keeper {

/// Does all of it; the exit code where it returns at all.
int launch(CommandLine command_line);

}  // namespace keeper
