// Snapshot: the complete state of a machine. A machine made from one continues where the other stopped.
#pragma once
#include <string>
#include <vector>

#include "keeper/core/life.hpp"
#include "keeper/core/restart_policy.hpp"

namespace keeper {

/// The end of the last run.
struct LastEnd {
  RunId run = 0;
  int pid = 0;
  ExitInfo exit{};
  Cause cause = Cause::crash;
  Millis lived{0};
  bool operator==(const LastEnd&) const = default;
};

struct NextStart {
  Time at{0};
  bool asked = false;         ///< it was requested, so it is not a restart
  std::optional<Cause> by{};  ///< restart or changed: what overtook the planned time
  bool operator==(const NextStart&) const = default;
};

struct Snapshot {
  RunId next_run = 1;  ///< the number of the next spawn
  bool begun = false;  ///< it has had a request
  bool finished = false;

  Wanted wanted = Wanted::down;
  State ends_as = State::stopped;  ///< the state of Leave while `wanted` is down
  std::string reason;              ///< why it is exited or fatal

  std::optional<Life> serving;
  std::optional<Life> incoming;
  std::vector<Life> leaving;  ///< two lives at most, with the other two

  std::optional<NextStart> next;
  std::optional<Time> changed;  ///< when the program's file has been unchanged long enough for a new start
  bool awaits = false;          ///< wanted up, and no run was requested yet
  bool reload_waiting = false;  ///< a reload was requested, and its run is not spawned yet
  Millis canary{0};             ///< of that reload
  bool ran = false;             ///< a spawn has succeeded since it was wanted up
  std::uint64_t restarts = 0;   ///< starts after the first one that no user requested
  RestartMemory memory;

  std::optional<LastEnd> last_end;
  std::string spawn_error;  ///< of the last spawn, if it failed
  bool operator==(const Snapshot&) const = default;
};

}  // namespace keeper
