// The steps by which a run is ended. Each is a few signals and a time to wait for their effect; processes
// that have not ended by then get the next step.
//
//   the main process lives    stop signal 0 and CONT to the group, 1 and CONT, ... then KILL to the tree;
//                             a stop message, if there is one, precedes them, to the main process and CONT;
//                             before that a worker is asked to leave its cluster if other workers stay
//                             (reload, scale)
//   it is gone, others live   the same signal to those that have not had it; the remaining steps, each with
//                             its time, to the tree; then KILL. After a crash all steps remain
//   it hangs (watchdog)       ABRT in place of the stop signals, so that it may leave a core
//
// So the end of the main process does not shorten the time of the others: a shell that does not exec its
// server ends at TERM at once, while the server still saves.
//
// kill_mode selects the receivers of the stop signals: the group, the main process alone, or the whole tree.
// With `process` KILL is for the main process too, and the rest is left alone. With `mixed` the rest is sent
// nothing before KILL: the main process ends it, or it notices the end of the main process.
//
// Signal numbers are values here: their names come with the spec, and this code sends nothing.
//
// CONT follows because a suspended process would not see its stop signal before KILL.
#pragma once
#include <string>
#include <vector>

#include "keeper/core/action.hpp"
#include "keeper/core/policy.hpp"

namespace keeper {

struct StopStep {
  struct Send {
    int signal = 0;
    Scope scope = Scope::group;
  };
  Phase phase = Phase::stopping;  ///< the run's phase while it waits
  std::optional<Millis> wait;     ///< nothing: the remaining time of the step before
  std::vector<Send> sends;
  int index = 0;  ///< Life::step from now on
};

/// Returns the step that asks it to stop, number `index`; KILL after the last one. `why` it is ended.
StopStep stop_step(const Policy& policy, const std::optional<Cause>& why, int index);
/// Returns the reason for KILL if a life did not end within the `wait` of its step: "it did not end within
/// 10s of SIGTERM".
std::string unheeded_text(const Policy& policy, const Life& life, Millis wait);
/// Returns the step that sends KILL to everything.
StopStep kill_step(const Policy& policy);
/// Returns the step at the end of a main process that leaves others of its life behind. Phase and step of the
/// life tell what was sent already.
StopStep clear_step(const Policy& policy, const Life& life);
/// Returns the step after one that a life has ignored.
StopStep harder_step(const Policy& policy, const Life& life);

}  // namespace keeper
