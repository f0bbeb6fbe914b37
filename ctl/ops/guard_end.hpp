// A guard whose keepers cannot begin: nobody is there to be asked to stop.
#pragma once
#include "protocol/client/deadline.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

/// Ends the guard of an app that has no keeper: between two attempts, which are up to 5 s apart. The app's
/// lock is free afterwards. False: there is no such guard, or a keeper of it lives (deaf, or answering by
/// now).
bool end_guard_without_keeper(const Home& home, const AppId& id, const Deadline& deadline);

}  // namespace keeper
