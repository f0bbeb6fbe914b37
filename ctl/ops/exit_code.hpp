// ctl's exit codes: part of what scripts rely on.
#pragma once
#include "protocol/base/result.hpp"

namespace keeper::exit_code {

inline constexpr int done = 0;
inline constexpr int failed = 1;
inline constexpr int usage = 2;
inline constexpr int not_running = 3;
inline constexpr int no_target = 4;
inline constexpr int partly = 5;  ///< some were done and some not; or it did not answer or end in time

constexpr int of(Reason reason) {
  switch (reason) {
    case Reason::usage: return usage;
    case Reason::not_running: return not_running;
    case Reason::not_found: return no_target;
    case Reason::full:
    case Reason::timeout:
    case Reason::unreachable: return partly;
    default: return failed;
  }
}

}  // namespace keeper::exit_code
