// Policy: the part of a spec that decisions depend on.
#pragma once
#include "protocol/wire/spec.hpp"

namespace keeper {

struct Policy {
  Restart restart = Restart::always;
  ExitCodes exit_codes;
  Millis start_secs{1000};
  std::optional<int> start_retries;
  std::optional<int> max_restarts;
  std::optional<Millis> restart_window;
  Millis restart_delay{0};
  Backoff backoff;
  std::vector<int> stop_signal{SIGTERM};  ///< empty: KILL is the first signal
  bool leaves_cluster = false;            ///< a reload or a scale asks it to leave its cluster first
  bool stop_message = false;              ///< a message over its channel precedes them
  Millis stop_timeout{10'000};
  Millis kill_timeout{2'000};
  KillMode kill_mode = KillMode::group;

  int ready_events = 0;          ///< number of conditions (event::Ready) that a run must meet to be confirmed
  bool ready_secs = true;        ///< start_secs must pass too
  Millis ready_timeout{30'000};  ///< for those events
  std::optional<Millis> watchdog;  ///< a confirmed run that is silent for so long hangs
  std::uint64_t jitter_seed = 0;   ///< spreads restarts of many keepers; 0: no jitter
};

Policy make_policy(const Spec& spec, std::uint64_t jitter_seed);

}  // namespace keeper
