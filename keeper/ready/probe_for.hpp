// The probe that a condition of readiness needs.
#pragma once
#include "keeper/ready/cmd_probe.hpp"
#include "protocol/wire/ready_condition.hpp"

namespace keeper {

/// Null for a condition that is reported and not probed: secs, notify, fd, log. `limit` is how long a command
/// may take (the ready timeout); connections have 2 s. It has not been started.
std::unique_ptr<Probe> probe_for(asio::io_context& io, const ReadyCondition& condition,
                                 const Commands& commands, Millis limit, std::function<void()> on_success);

}  // namespace keeper
