// The steps between fork and exec, each with a name.
//
// They run in the child's process and in the keeper's memory (vfork(2)): async-signal-safe calls only, no
// allocation, and nothing is written except the arguments here. A step that fails leaves its name and errno
// there, so the user reads "chdir /srv: No such file or directory" and not "exec failed".
#pragma once
#include <atomic>
#include <cstdint>

#include "keeper/child/run_extras.hpp"
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
  claim,
  exec
};

/// Returns the text of a step and its object: "exec /srv/api", "chdir /srv". `which` is the descriptor, or
/// the place in the list of limits.
std::string stage_text(Stage stage, const SpawnPlan& plan, int which = 0);

struct ChildFailure {
  Stage stage;
  std::int32_t errnum;
  std::int32_t which;
};

/// The word in which a spawn is claimed (keeper/survive/state_page.hpp): swapped from `expected` to `expected
/// | pid` before the exec. A child whose swap fails was given up, and ends.
struct SpawnClaim {
  std::atomic<std::uint64_t>* word = nullptr;
  std::uint64_t expected = 0;
};

struct ChildSide {
  const SpawnPlan* plan;
  int input;   ///< becomes 0
  int output;  ///< becomes 1; owned by another user from then on, if the plan has one
  int error;   ///< becomes 2, likewise
  RunExtras extras = {};
  char* const* environment = nullptr;  ///< replaces the plan's; null: the plan's
  char* pid_digits = nullptr;          ///< receives the child's own pid as text; null: nowhere
  SpawnClaim claim = {};
  ChildFailure failure = {};  ///< set by the child side
  bool failed = false;
};

/// Does not return.
int child_side(void* child_side);

}  // namespace keeper
