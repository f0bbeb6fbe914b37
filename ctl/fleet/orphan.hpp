// A program whose keeper was killed and that runs on: there is nobody to ask to end it, so it is ended here.
#pragma once
#include <string_view>

#include "protocol/client/deadline.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

/// Under the lock of the app, what its keeper would have done: the spec's stop signals to whom kill_mode
/// says, each with its time, then the rest of the tree, then KILL; then the record says `stopped`. Meanwhile
/// it says `stopping`, so that others can tell. The Status in the end: its `survivors` are what KILL did not
/// end, its `left` what was not to be ended (kill_mode process). `asked`: "stop" or "restart", as the
/// history is to say. Where another command is ending it that is
/// waited for, and the answer is what it wrote. Errors: already (a keeper took the name meanwhile),
/// not_running (the program ended by itself), timeout (what is left is in the record), failed.
Result<Status> stop_orphan(const Home& home, const AppId& id, std::string_view asked,
                           const Deadline& deadline);

}  // namespace keeper
