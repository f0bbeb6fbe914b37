// cmd: a command ends with code 0. The caller starts the command and takes its exit status.
//
// Processes that a try leaves in its process group are killed: when the command has ended, when it exceeds
// the limit, and when the probe is stopped. A command that was given up is reaped like a stranger; a running
// one (Probe::pid) must not be.
#pragma once
#include <optional>
#include <string>

#include "keeper/ready/probe.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {

struct StartedCommand {
  int pid = 0;  ///< a child of this process, and the leader of its process group
  Fd pidfd;     ///< readable once it has ended
};

struct Commands {
  /// Runs /bin/sh -c COMMAND as the child would; returns nothing if it could not be started.
  std::function<std::optional<StartedCommand>(const std::string& command)> start;
  /// Takes its exit status; returns nothing while it runs.
  std::function<std::optional<ExitInfo>(int pid, int pidfd)> collect;
};

std::unique_ptr<Probe> cmd_probe(asio::io_context& io, std::string command, Commands commands, Millis limit,
                                 std::function<void()> on_success);

}  // namespace keeper
