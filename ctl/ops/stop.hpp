// Stops apps, and their keepers with them.
#pragma once
#include <vector>

#include "ctl/ops/outcome.hpp"
#include "protocol/client/deadline.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

/// Ends the programs and waits until their keepers are gone too. A keeper
/// takes over a program whose keeper was killed, and stops it. `asked`: for what, "stop" or "restart", as
/// their history is to say. Rows without a program are done already. Past the deadline: `partly`; the work
/// goes on.
std::vector<Outcome> stop_apps(const Home& home, const std::vector<Row>& rows, const Deadline& deadline,
                               std::string_view asked = "stop");
/// The same for apps that the caller may be a process of: their keepers delete the records, and the logs,
/// when all is over.
std::vector<Outcome> stop_and_forget(const Home& home, const std::vector<Row>& rows, bool keep_logs,
                                     const Deadline& deadline);
/// The same for instances of which others go on: workers leave their cluster first.
std::vector<Outcome> scale_down(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);

}  // namespace keeper
