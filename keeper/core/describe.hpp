// Returns events, actions and a machine's facts as one line of text each: for tests and for debug output.
#pragma once
#include <string>

#include "keeper/core/machine.hpp"

namespace keeper {

/// "exit #1 code=1 leftovers"
std::string describe(const Event& event);
/// "signal #1 SIGTERM group", "announce exited #1 code=1 cause=crash lived=50ms". Times are printed as given.
std::string describe(const Action& action);
/// "running wanted=up run=1 pid=100 ready restarts=0; serving #1 confirmed"
std::string describe(const Machine& machine);

}  // namespace keeper
