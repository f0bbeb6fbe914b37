// The steps by which a run is ended. Each is a few signals and a time to wait for what they do; whoever has
// not ended by then gets the next step.
//
//   the main process lives    stop signal 0 and CONT to the group, 1 and CONT, ... then KILL to the tree;
//                             where there is a stop message that comes first, to the main process and CONT;
//                             a worker of a cluster of which others go on (reload, scale) is asked to leave
//                             it before that
//   it is gone, others live   the stop signal to those, then KILL to the tree
//   it hangs (watchdog)       ABRT in place of the stop signals, so that it may leave a core
//
// kill_mode says who gets the stop signals: the group, or the main process alone, or the whole tree. With
// `process` KILL is for that one too, and nobody looks for what it left.
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
  Millis wait{0};
  std::vector<Send> sends;
};

/// What asks it to stop, number `index`; KILL after the last one. `why` is the reason to end it.
StopStep stop_step(const Policy& policy, const std::optional<Cause>& why, int index);
/// What there is to say when number `index` of what asks it to stop was not heeded within `wait`: "it did not
/// end within 10s of SIGTERM".
std::string unheeded_text(const Policy& policy, const std::optional<Cause>& why, int index, Millis wait);
/// KILL to everything.
StopStep kill_step(const Policy& policy);
/// What is done about the leftovers of a run whose main process is gone; its phase and step say what was sent
/// already.
StopStep clear_step(const Policy& policy, const Life& life);

}  // namespace keeper
