// The runs of an app that have ended, from whoever knows most of them.
#pragma once
#include <string>
#include <vector>

#include "protocol/client/fleet.hpp"
#include "protocol/logs/range.hpp"

namespace keeper {

/// Newest last. A keeper that lives knows more than the record, which is written once a second at most; one
/// that is too old to know says so, and then the record is all there is. Errors: timeout (its keeper took
/// longer than `wait`).
Result<RunHistory> history_of(const Home& home, const Row& row, Millis wait);

/// What its last run said at its end, five lines of it; nothing where nobody knows.
std::vector<std::string> last_words(const Home& home, const Row& row, Millis wait);

/// When the newest run with this pid ended; nothing if the record knows of none.
std::optional<WallTime> end_of_run(const Home& home, const Row& row, int pid);

/// What is known of the newest run with this pid: it may be the current one; perhaps no more than its pid.
RunWanted run_with_pid(const Home& home, const Row& row, int pid);

}  // namespace keeper
