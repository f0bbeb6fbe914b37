// One line of `ctl events` for people.
#pragma once
#include <string>

#include "protocol/wire/history.hpp"

namespace keeper {

/// "2026-11-20T17:24:00.123Z api exited: SIGSEGV (crash), run 7, pid 1140", without a newline.
std::string event_text(const AppEvent& event);

}  // namespace keeper
