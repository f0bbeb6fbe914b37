// The runs of an app that have ended, from whoever knows most of them.
#pragma once
#include <string>
#include <vector>

#include "protocol/client/fleet.hpp"

namespace keeper {

/// Newest last. A keeper that lives knows more than the record, which is written once a second at most; one
/// that is too old to know says so, and then the record is all there is. Errors: timeout (its keeper took
/// longer than `wait`).
Result<RunHistory> history_of(const Home& home, const Row& row, Millis wait);

/// What its last run said at its end, five lines of it; nothing where nobody knows.
std::vector<std::string> last_words(const Home& home, const Row& row, Millis wait);

}  // namespace keeper
