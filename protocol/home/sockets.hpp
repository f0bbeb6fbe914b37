// Which process has a socket open, and which sockets listen (/proc/PID/fd, /proc/net/tcp: proc_pid_net(5)).
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace keeper {

/// The inodes of the sockets that a process has open; nothing where nobody may look.
std::optional<std::set<std::uint64_t>> socket_inodes_of(int pid);

struct ListeningSocket {
  std::uint64_t inode = 0;
  unsigned user = 0;  ///< that has opened it
  bool operator==(const ListeningSocket&) const = default;
};

/// The TCP sockets of this host, in the network of this process, that a connection to `address` comes to: of
/// those that listen at the very address, else of its family at all addresses, else of IPv6 at all. None: of
/// another host, or passed on by the kernel to another network.
std::vector<ListeningSocket> listening_at(const sockaddr_storage& address);
/// The same of the other end of a connected socket.
std::vector<ListeningSocket> listening_behind(int socket);

/// A process that has one of them open, if there is one a program and not its keeper: it is looked for among
/// all, for 100 ms at most. 0: none that may be looked at.
int process_that_has(const std::vector<ListeningSocket>& sockets);
/// Whether that process has one of them. Nothing where nobody may look.
std::optional<bool> has_socket_of(int pid, const std::vector<ListeningSocket>& sockets);

/// "pid 812 (nginx)".
std::string process_text(int pid);

}  // namespace keeper
