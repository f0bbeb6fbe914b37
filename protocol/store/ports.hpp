// The sockets that the processes of an app have open: listening ones and connections.
//
// Read from /proc on request: /proc/PID/fd names sockets by inode, and /proc/PID/net/{tcp,tcp6,udp,udp6,unix}
// describe them (proc_pid_net(5)), in the network namespace of the app.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/ports.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// Returns listening ones first. Processes that this user may not inspect (another user's) have none.
std::vector<Port> ports_of(const Status& app);

/// Returns the sockets of one table by inode; `protocol` as in Port. Skips unreadable lines.
std::map<std::uint64_t, Port> parse_sockets(std::string_view table, const std::string& protocol);

}  // namespace keeper
