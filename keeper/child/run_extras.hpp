// What one run is given that the plan, which is made once, cannot know: descriptors that the keeper holds,
// and variables that speak of them.
//
// Which number a descriptor has in the program is decided before the spawn, so that none is ever in another's
// way:
//
//   0, 1, 2       its own input and output
//   3, 4, ...     listening sockets: sd_listen_fds(3) has no choice
//   as told       those of the caller (inherit_fds), and of the readiness condition fd:N; where they meet
//   each
//                 other or the listening sockets, that is an error of the command line
//   free_number() whatever may have any number, because a variable names it: the first one above all of those
#pragma once
#include <string>
#include <vector>

#include "protocol/wire/spawn_fields.hpp"

namespace keeper {

inline constexpr int kFirstPassedFd = 3;  ///< SD_LISTEN_FDS_START
inline constexpr int kPidDigits = 20;

/// A descriptor of this process, and its number in the program. What has that number here is not passed on.
struct ExtraFd {
  int from = -1;
  int to = -1;
};

struct RunExtras {
  std::vector<ExtraFd> fds;
  std::vector<std::string> variables;  ///< K=V; go before those of the plan
  std::string pid_variable;            ///< its value is the program's own pid ("LISTEN_PID"); empty: none

  /// A number that is nobody's, neither here nor among `inherited`.
  int free_number(const Descriptors& inherited) const;
};

}  // namespace keeper
