// Has keepers go on as another program file.
#pragma once
#include "ctl/ops/outcome.hpp"
#include "protocol/client/deadline.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

/// Whether the program file that a keeper runs is another one by now than the one at its path: replaced or
/// deleted (/proc/PID/exe). Nothing where that cannot be known.
std::optional<bool> is_stale(int keeper_pid);

/// Has each keeper go on as `program` (absolute; a script that executes a keeper will do), and waits until it
/// does: both halves, with the same program kept. A keeper that does not start is rolled back by its guard,
/// which is a failure here. The outcome of another upgrade at the same time is not taken for ours.
std::vector<Outcome> upgrade_keepers(const Home& home, const std::vector<Row>& rows,
                                     const std::string& program, const Deadline& deadline);

}  // namespace keeper
