// What happens between fork and exec, in named steps.
//
// Runs in the child's process and in the keeper's memory (vfork(2)): async-signal-safe calls only, no
// allocation, and nothing written but the arguments here. A step that fails sends its name and errno up a
// close-on-exec pipe, so the user reads "chdir /srv: No such file or directory" and not "exec failed"; a
// successful exec closes the pipe.
#pragma once
#include <cstdint>

#include "keeper/child/spawn_plan.hpp"

namespace keeper {

enum class Stage : std::int32_t {
  prepare,
  pid_file,
  fork,
  session,
  input,
  output,
  descriptors,
  umask,
  priority,
  oom_score_adj,
  limits,
  groups,
  user,
  directory,
  signals,
  exec
};

/// "exec /srv/api", "chdir /srv": what the step does, to what. `which` is the descriptor, or the place in the
/// list of limits.
std::string stage_text(Stage stage, const SpawnPlan& plan, int which = 0);

struct ChildFailure {
  Stage stage;
  std::int32_t errnum;
  std::int32_t which;
};

/// A descriptor that the child gets under another number; -1: none. What had that number is not passed on.
struct ExtraFd {
  int from = -1;
  int to = -1;
};

struct ChildSide {
  const SpawnPlan* plan;
  int input;    ///< becomes 0
  int output;   ///< a pipe; opened again read-write, becomes 1 and 2
  int failure;  ///< where a ChildFailure is written; moved out of the way of extra.to
  ExtraFd extra = {};
};

/// Does not return.
int child_side(void* child_side);

}  // namespace keeper
