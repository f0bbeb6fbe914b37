// Does things to apps that were chosen, to all of them at the same time, and says how it went for each.
#pragma once
#include <vector>

#include "ctl/fleet/outcome.hpp"
#include "protocol/client/client.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

/// Ends the programs and waits until their keepers are gone too. A program whose keeper was killed is ended
/// here. Rows without a program are done already. Past the deadline: `partly`; the work goes on.
std::vector<Outcome> stop_apps(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);

/// Ends the current runs and starts the next. With `until_ready` the new runs are waited for.
std::vector<Outcome> restart_apps(const Home& home, const std::vector<Row>& rows, bool until_ready,
                                  const Deadline& deadline);

std::vector<Outcome> signal_apps(const Home& home, const std::vector<Row>& rows, const std::string& signal,
                                 const Deadline& deadline);

/// A keeper holds its lock and does not answer: nothing can be asked of it. What to do about that.
bool is_deaf(const Row& row);
Error deaf(const Row& row);
/// The keeper was killed and the program runs on.
bool is_orphan(const Row& row);

}  // namespace keeper
