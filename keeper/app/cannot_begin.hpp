// A keeper that is to take the place of another and cannot: its guard tries again, for ever, and nobody is
// told by that. So it records why before it ends.
#pragma once
#include <string>

#include "keeper/app/stop_wish.hpp"
#include "keeper/survive/role.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

/// Records in the status of the app that it is unreachable, with the reason and with the program that lives,
/// and says the reason in its log. Once for each reason. Does what can be done: there may be no home.
void note_cannot_begin(const RoleTable& table, const std::string& why);

/// Records that such an app is stopped, if the record says that it is unreachable: its guard and its program
/// have ended, so no keeper will record it. The caller holds the app's lock.
void note_stop_without_keeper(const Home& home, const std::string& stem, const StopWish& wish);

}  // namespace keeper
