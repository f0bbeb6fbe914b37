// Finds the owner of a socket, and the sockets that listen (/proc/PID/fd, /proc/net/tcp: proc_pid_net(5)).
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

#include "protocol/base/clock.hpp"

namespace keeper {

/// Returns the inodes of the sockets that a process has open; nothing if this user may not look.
std::optional<std::set<std::uint64_t>> socket_inodes_of(int pid);

struct ListeningSocket {
  std::uint64_t inode = 0;
  unsigned user = 0;  ///< the user who opened it
  bool operator==(const ListeningSocket&) const = default;
};

/// The address of a socket. An IPv4 address is kept as a mapped IPv6 one.
struct SocketPlace {
  std::array<std::uint32_t, 4> address{};  ///< as the machine has it, in network order
  std::uint16_t port = 0;
  bool six = false;  ///< the socket is IPv6, though its address may be a mapped one
  bool is_v4() const;
  bool is_any() const;  ///< every address of this host
  /// "127.0.0.1:80", "[::1]:80".
  std::string text() const;
};

/// Returns port 0 for another family.
SocketPlace place_of(const sockaddr_storage& address);

constexpr unsigned kListens = 10;  // TCP_LISTEN

struct InternetSocket {
  SocketPlace local, remote;
  unsigned state = 0;  ///< of include/net/tcp_states.h
  ListeningSocket socket;
};

/// Reads /proc/net/{tcp,tcp6,udp,udp6} piece by piece. The kernel repeats a row if the table changes between
/// two reads: each socket is passed on once. Skips unreadable lines.
class InternetTable {
 public:
  using Each = std::function<bool(const InternetSocket&)>;
  /// Passes on the sockets whose rows are complete. `each` returns whether to continue, and so does this.
  bool take(std::string_view bytes, const Each& each);

 private:
  std::string text_;
  std::set<std::uint64_t> seen_;
};

/// Returns the TCP sockets of this host, in this process's network, that receive a connection to `address`:
/// those at the very address, else of its family at all addresses, else of IPv6 at all. None: another host,
/// or the kernel forwards it to another network.
std::vector<ListeningSocket> listening_at(const sockaddr_storage& address);
/// Does the same for all addresses with that port.
std::vector<ListeningSocket> listening_at_port(int port);
/// Does the same for the other end of a connected socket.
std::vector<ListeningSocket> listening_behind(int socket);

/// Returns a process that has one of them open, preferably a program and not its keeper. Searches all
/// processes for at most that long. 0: none that this user may inspect.
int process_that_has(const std::vector<ListeningSocket>& sockets, Millis at_most = Millis(100));
/// Returns whether that process has one of them; nothing if this user may not look.
std::optional<bool> has_socket_of(int pid, const std::vector<ListeningSocket>& sockets);

/// "pid 812 (nginx)".
std::string process_text(int pid);

}  // namespace keeper
