// Snapshot: everything a machine knows. A machine made from one goes on as if it had never been away.
#pragma once
#include <string>
#include <vector>

#include "keeper/core/life.hpp"
#include "keeper/core/restart_policy.hpp"

namespace keeper {

/// How the last run that ended did so.
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
  bool asked = false;         ///< somebody asked for it, so it is no restart
  std::optional<Cause> by{};  ///< restart or changed: what overtook the time that was decided
  bool operator==(const NextStart&) const = default;
};

struct Snapshot {
  RunId next_run = 1;  ///< what the next spawn is called
  bool begun = false;  ///< something was asked of it
  bool finished = false;

  Wanted wanted = Wanted::down;
  State ends_as = State::stopped;  ///< what Leave will say while `wanted` is down
  std::string reason;              ///< why it is exited or fatal

  std::optional<Life> serving;
  std::optional<Life> incoming;
  std::vector<Life> leaving;  ///< with the other two never more than two lives

  std::optional<NextStart> next;
  std::optional<Time> changed;  ///< when the program's file has been quiet long enough to start it anew
  bool awaits = false;          ///< wanted up, and nothing has asked for a run yet
  bool reload_waiting = false;  ///< a reload was asked for, and its run is not spawned yet
  Millis canary{0};             ///< of that reload
  bool ran = false;             ///< a spawn succeeded since it is wanted up
  std::uint64_t restarts = 0;   ///< starts after the first one that nobody asked for
  RestartMemory memory;

  std::optional<LastEnd> last_end;
  std::string spawn_error;  ///< of the last spawn, if it failed
  bool operator==(const Snapshot&) const = default;
};

}  // namespace keeper
