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

enum class Stage : std::int32_t { prepare, fork, session, input, output, directory, signals, exec };

/// "exec /srv/api", "chdir /srv": what the step does, to what.
std::string stage_text(Stage stage, const SpawnPlan& plan);

struct ChildFailure {
  Stage stage;
  std::int32_t errnum;
};

struct ChildSide {
  const SpawnPlan* plan;
  int input;    ///< becomes 0
  int output;   ///< a pipe; opened again read-write, becomes 1 and 2
  int failure;  ///< where a ChildFailure is written
};

/// Does not return.
int child_side(void* child_side);

}  // namespace keeper
