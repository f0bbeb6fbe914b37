// Which process has a socket open, and which sockets listen (/proc/PID/fd, /proc/net/tcp: proc_pid_net(5)).
#pragma once
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/home/clock.hpp"

namespace keeper {

/// The inodes of the sockets that a process has open; nothing where nobody may look.
std::optional<std::set<std::uint64_t>> socket_inodes_of(int pid);

struct ListeningSocket {
  std::uint64_t inode = 0;
  unsigned user = 0;  ///< that has opened it
  bool operator==(const ListeningSocket&) const = default;
};

/// The address of a socket. That of IPv4 is kept as the mapped one of IPv6.
struct SocketPlace {
  std::array<std::uint32_t, 4> address{};  ///< as the machine has it, in network order
  std::uint16_t port = 0;
  bool six = false;  ///< the socket is of IPv6, though its address may be a mapped one
  bool is_v4() const;
  bool is_any() const;  ///< every address of this host
  /// "127.0.0.1:80", "[::1]:80".
  std::string text() const;
};

/// Of another family: port 0.
SocketPlace place_of(const sockaddr_storage& address);

constexpr unsigned kListens = 10;  // TCP_LISTEN

struct InternetSocket {
  SocketPlace local, remote;
  unsigned state = 0;  ///< of include/net/tcp_states.h
  ListeningSocket socket;
};

/// Reads /proc/net/{tcp,tcp6,udp,udp6} piece by piece. The kernel gives a row twice when the table changes
/// between two reads: each socket is passed on once. Lines that cannot be read are passed over.
class InternetTable {
 public:
  using Each = std::function<bool(const InternetSocket&)>;
  /// Passes on the sockets whose rows are complete. `each` returns whether more are wanted, and so does this.
  bool take(std::string_view bytes, const Each& each);

 private:
  std::string text_;
  std::set<std::uint64_t> seen_;
};

/// The TCP sockets of this host, in the network of this process, that a connection to `address` comes to: of
/// those that listen at the very address, else of its family at all addresses, else of IPv6 at all. None: of
/// another host, or passed on by the kernel to another network.
std::vector<ListeningSocket> listening_at(const sockaddr_storage& address);
/// The same of all addresses with that port.
std::vector<ListeningSocket> listening_at_port(int port);
/// The same of the other end of a connected socket.
std::vector<ListeningSocket> listening_behind(int socket);

/// A process that has one of them open, if there is one a program and not its keeper: it is looked for among
/// all, for so long at most. 0: none that may be looked at.
int process_that_has(const std::vector<ListeningSocket>& sockets, Millis at_most = Millis(100));
/// Whether that process has one of them. Nothing where nobody may look.
std::optional<bool> has_socket_of(int pid, const std::vector<ListeningSocket>& sockets);

/// "pid 812 (nginx)".
std::string process_text(int pid);

}  // namespace keeper
