// Makes the probe for a condition of readiness.
#pragma once
#include "keeper/ready/cmd_probe.hpp"
#include "keeper/ready/connecting.hpp"
#include "protocol/wire/ready_condition.hpp"

namespace keeper {

struct Probing {
  Commands commands;
  Millis limit{0};      ///< of a command (the ready timeout); connections have 2 s
  Stranger stranger{};  ///< names processes whose answers do not count
};

/// Returns null for a condition that is reported and not probed: secs, notify, fd, log. Not started yet.
std::unique_ptr<Probe> probe_for(asio::io_context& io, const ReadyCondition& condition, const Probing& with,
                                 std::function<void()> on_success);

}  // namespace keeper
