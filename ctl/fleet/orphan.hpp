// A program whose keeper was killed and that runs on: there is nobody to ask to end it, so it is ended here.
#pragma once
#include "protocol/client/client.hpp"

namespace keeper {

/// Under the lock of the app: the spec's stop signals to the program's group, KILL after the last, then the
/// record says `stopped`. Errors: already (a keeper took the name meanwhile), not_running (the program ended
/// by itself), timeout, failed (it survived KILL).
Done stop_orphan(const Home& home, const AppId& id, const Deadline& deadline);

}  // namespace keeper
