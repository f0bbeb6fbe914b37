// cmd: a command ends with code 0. Starting one, and taking its exit status, is the business of others.
//
// What a try leaves running in its process group is killed with it: when the command has ended, when it takes
// longer than the limit, and when the probe is stopped. A command that was given up is reaped like any
// stranger; one that runs (Probe::pid) is not to be.
#pragma once
#include <optional>
#include <string>

#include "keeper/ready/probe.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

struct StartedCommand {
  int pid = 0;  ///< a child of this process, and the leader of its process group
  Fd pidfd;     ///< readable when it has ended
};

struct Commands {
  /// Runs /bin/sh -c COMMAND as the child would; nothing if it could not be started.
  std::function<std::optional<StartedCommand>(const std::string& command)> start;
  /// Takes its exit status; nothing while it still runs.
  std::function<std::optional<ExitInfo>(int pid, int pidfd)> collect;
};

std::unique_ptr<Probe> cmd_probe(asio::io_context& io, std::string command, Commands commands, Millis limit,
                                 std::function<void()> on_success);

}  // namespace keeper
