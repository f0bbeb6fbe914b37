#include "keeper/core/policy.hpp"

namespace keeper {

Policy make_policy(const Spec& spec, std::uint64_t jitter_seed) {
  Policy policy;
  policy.restart = spec.restart;
  policy.exit_codes = spec.exit_codes;
  policy.start_secs = spec.start_secs;
  policy.start_retries = spec.start_retries;
  policy.max_restarts = spec.max_restarts;
  policy.restart_window = spec.restart_window;
  policy.restart_delay = spec.restart_delay;
  policy.backoff = spec.backoff;
  policy.stop_signal = spec.stop_signal;
  policy.leaves_cluster = spec.cluster.value_or(false);
  policy.stop_message = !spec.stop_message.empty();
  policy.stop_timeout = spec.stop_timeout;
  policy.kill_timeout = spec.kill_timeout;
  policy.kill_mode = spec.kill_mode;
  policy.ready_events = static_cast<int>(spec.ready.events().size());
  policy.ready_secs = spec.ready.secs();
  policy.ready_timeout = spec.ready_timeout;
  policy.watchdog = spec.watchdog;
  policy.jitter_seed = jitter_seed;
  return policy;
}

}  // namespace keeper
