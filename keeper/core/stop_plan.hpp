// The steps by which a run is ended. Each is a few signals and a time to wait for what they do; whoever has
// not ended by then gets the next step.
//
//   the main process lives    stop signal 0 and CONT to the group, 1 and CONT, ... then KILL to the tree;
//                             where there is a stop message that comes first, to the main process and CONT;
//                             a worker of a cluster of which others go on (reload, scale) is asked to leave
//                             it before that
//   it is gone, others live   the same signal to those that have not had it; the steps that are left, each
//                             with its time, to the tree; then KILL. After a crash all steps are left
//   it hangs (watchdog)       ABRT in place of the stop signals, so that it may leave a core
//
// So the end of the main process ends nobody else's time: a shell that does not exec its server ends at TERM
// at once, while the server still saves.
//
// kill_mode says who gets the stop signals: the group, or the main process alone, or the whole tree. With
// `process` KILL is for that one too, and nobody looks for what it left. With `mixed` the rest is sent
// nothing before KILL: the main process ends it, or it sees by itself that it is gone.
//
// Signal numbers are values here: their names come with the spec, nothing is sent.
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
  std::optional<Millis> wait;     ///< nothing: what is left of the step before
  std::vector<Send> sends;
  int index = 0;  ///< Life::step from now on
};

/// What asks it to stop, number `index`; KILL after the last one. `why` is the reason to end it.
StopStep stop_step(const Policy& policy, const std::optional<Cause>& why, int index);
/// Returns the reason for KILL if a life did not heed its step within `wait`: "it did not end within 10s of
/// SIGTERM".
std::string unheeded_text(const Policy& policy, const Life& life, Millis wait);
/// KILL to everything.
StopStep kill_step(const Policy& policy);
/// Returns the step at the end of a main process that leaves others of its life behind. Phase and step of the
/// life say what was sent already.
StopStep clear_step(const Policy& policy, const Life& life);
/// Returns the step after one that a life has not heeded.
StopStep harder_step(const Policy& policy, const Life& life);

}  // namespace keeper
