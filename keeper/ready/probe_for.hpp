// The probe that a condition of readiness needs.
#pragma once
#include "keeper/ready/cmd_probe.hpp"
#include "keeper/ready/connecting.hpp"
#include "protocol/wire/ready_condition.hpp"

namespace keeper {

struct Probing {
  Commands commands;
  Millis limit{0};      ///< of a command (the ready timeout); connections have 2 s
  Stranger stranger{};  ///< by whom a connection is not to be taken
};

/// Null for a condition that is reported and not probed: secs, notify, fd, log. It has not been started.
std::unique_ptr<Probe> probe_for(asio::io_context& io, const ReadyCondition& condition, const Probing& with,
                                 std::function<void()> on_success);

}  // namespace keeper
