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
  std::vector<int> stop_signal{SIGTERM};  ///< none at all: KILL is the first thing that is sent
  Millis stop_timeout{10'000};
  Millis kill_timeout{2'000};

  bool ready_by_event = false;  ///< the run itself says when it works; start_secs confirms nothing then
  Millis ready_timeout{30'000};
  std::uint64_t jitter_seed = 0;  ///< spreads restarts of many keepers; 0: no jitter
};

Policy make_policy(const Spec& spec, std::uint64_t jitter_seed);

}  // namespace keeper
