// The sockets that the processes of an app have open: what they listen on, and what they are connected to.
//
// Read from /proc when somebody asks: /proc/PID/fd names sockets by inode, /proc/PID/net/{tcp,tcp6,udp,udp6,
// unix} say what they are (proc_pid_net(5)), in the network namespace of the app.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/ports.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// Listening ones first. Processes that may not be looked at (another user's) have none.
std::vector<Port> ports_of(const Status& app);

/// The sockets of one table by inode; `protocol` as in Port. Lines that cannot be read are passed over.
std::map<std::uint64_t, Port> parse_sockets(std::string_view table, const std::string& protocol);

}  // namespace keeper
