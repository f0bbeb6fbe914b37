// The parts of one run that the plan, which is made once, cannot contain: descriptors that the keeper holds,
// and variables that name them.
//
// The number of each descriptor in the program is decided before the spawn, so that none is in the way of
// another:
//
//   0, 1, 2       its own input and output
//   3, 4, ...     listening sockets: sd_listen_fds(3) has no choice
//   as given      those of the caller (inherit_fds), and of the readiness condition fd:N; a collision with
//                 each other or with the listening sockets is an error of the command line
//   free_number() a descriptor that may have any number, because a variable names it: the first one above all
#pragma once
#include <string>
#include <vector>

#include "protocol/wire/spawn_fields.hpp"

namespace keeper {

inline constexpr int kFirstPassedFd = 3;  ///< SD_LISTEN_FDS_START
inline constexpr int kPidDigits = 20;

/// A descriptor to pass on, and its number there. This process's own one of that number is not passed on.
struct ExtraFd {
  int from = -1;
  int to = -1;
};

struct RunExtras {
  std::vector<ExtraFd> fds;
  std::vector<std::string> variables;  ///< K=V; override those of the plan
  std::string pid_variable;            ///< variable with the program's own pid ("LISTEN_PID"); empty: none

  /// Returns a number that is unused, both here and among `inherited`.
  int free_number(const Descriptors& inherited) const;
};

}  // namespace keeper
