// Has keepers do things to apps that were chosen, to all of them at the same time, and says how it went for
// each.
#pragma once
#include <vector>

#include "ctl/ops/outcome.hpp"
#include "ctl/ops/spec_change.hpp"
#include "protocol/client/client.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

/// Ends the current runs and starts the next. With `until_ready` the new runs are waited for.
std::vector<Outcome> restart_apps(const Home& home, const std::vector<Row>& rows, bool until_ready,
                                  const SpecChange& change, const Deadline& deadline);

/// Starts apps again that are just being stopped, when that is done.
std::vector<Outcome> start_after_stop(const Home& home, const std::vector<Row>& rows, bool until_ready,
                                      const Deadline& deadline);
/// Waits until those that are done are ready; those that do not become it are failed then, with the reason
/// and their last lines.
void await_ready(const Home& home, std::vector<Outcome>& outcomes, const Deadline& deadline);

std::vector<Outcome> signal_apps(const Home& home, const std::vector<Row>& rows, const std::string& signal,
                                 const Deadline& deadline);

/// To the programs, over their channels.
std::vector<Outcome> send_to_apps(const Home& home, const std::vector<Row>& rows, const JsonText& message,
                                  const Deadline& deadline);

}  // namespace keeper
