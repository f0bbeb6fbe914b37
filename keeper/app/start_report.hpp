// What a new keeper tells the command that waits for it, over a pipe, one line each; and how that command
// waits and passes it on to the person who typed it.
#pragma once
#include <string>

#include "protocol/base/fd.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

struct StartReport {
  /// kept_on: confirmed, by an earlier keeper; waiting: for a connection, before there is a run
  enum class Kind { spawned, confirmed, failed, kept_on, waiting };
  Kind kind = Kind::failed;
  int exit_code = 1;  ///< for `failed`: what the waiting command ends with
  Status status;
  std::string output;  ///< for `failed`: the last lines of that run
};
std::string report_line(const StartReport& report);
Result<StartReport> read_report(std::string_view line);

/// A keeper that was started in the background.
struct Started {
  std::string home;  ///< its path
  std::string stem;
};

/// Ctrl-C while waiting leaves the keeper running, and is said. To be called before it is started.
void catch_interrupts();
/// Waits until the new keeper has taken a program over, and says nothing. Errors: failed, with the reason.
Done await_takeover(Fd pipe);
/// Waits for what the new keeper says, and says it to the user. The exit code.
int await_start(const Started& started, Fd pipe, bool until_confirmed);

}  // namespace keeper
