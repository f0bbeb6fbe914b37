// Starts recorded apps: by `keeper --start`, for ctl keeps nothing itself.
#pragma once
#include <vector>

#include "ctl/ops/outcome.hpp"
#include "protocol/client/deadline.hpp"

namespace keeper {

/// The program `keeper`: beside this one, else in PATH. Errors: not_found, saying where it was looked for.
Result<std::string> find_keeper();

/// A few at a time, each by a `keeper` that says to our own stdout and stderr how it went (so an outcome has
/// no text where it has spoken). `until_ready`: waits for that, else for the spawn. One that somebody else
/// has started meanwhile is done as well, and says so. Past the deadline: `partly`; they go on.
std::vector<Outcome> start_apps(const Home& home, const std::string& keeper, const std::vector<AppId>& ids,
                                bool until_ready, const Deadline& deadline);

/// Has keepers take over programs whose keepers were killed, and stop them: a `keeper` for each, which says
/// to our own stderr why it cannot (so such an outcome has no text). Returns as soon as the programs have
/// their keepers; a program that has ended, or that another keeper has, is done. `verb`: for what, "stop",
/// "restart" or "scale".
std::vector<Outcome> take_over_to_stop(const std::string& keeper, const std::vector<AppId>& ids,
                                       std::string_view verb, const Deadline& deadline);

/// What is said of one that is kept as it is.
std::string already_text(const std::string& stem, const Status& status);

}  // namespace keeper
