// Runs of an app by their pid: what its record knows of them.
#pragma once
#include "protocol/client/fleet.hpp"
#include "protocol/home/log_range.hpp"

namespace keeper {

/// When the newest run with this pid ended; nothing if the record knows of none.
std::optional<WallTime> end_of_run(const Home& home, const Row& row, int pid);

/// What is known of the newest run with this pid: it may be the current one; perhaps no more than its pid.
RunWanted run_with_pid(const Home& home, const Row& row, int pid);

}  // namespace keeper
