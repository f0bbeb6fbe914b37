// From a command line to a keeper: finds the program, takes a name, writes the spec, binds the socket, and becomes the
// keeper by exec of itself (in the foreground), or starts it in a process of its own and waits for its first report.
#pragma once
#include <string>

#include "keeper/command_line.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// What a new keeper tells the command that waits for it, over a pipe: one line each.
struct StartReport {
  enum class Kind { spawned, confirmed, failed };
  Kind kind = Kind::failed;
  int exit_code = 1;  ///< for `failed`: what the waiting command ends with
  Status status;
};
std::string report_line(const StartReport& report);
Result<StartReport> read_report(std::string_view line);

/// Does all of it; the exit code where it returns at all.
int launch(CommandLine command_line);

}  // namespace keeper
