// Opens a listening socket. Passive: a socket and its address, without any wait.
#pragma once
#include "protocol/base/file_place.hpp"
#include "protocol/wire/listen_address.hpp"

namespace keeper {

struct ListenOptions {
  int backlog = 4096;       ///< clients that wait while no process accepts; the kernel caps it (somaxconn)
  bool v6_only = false;     ///< an IPv6 address takes no IPv4 clients
  bool reuse_port = false;  ///< other processes may listen there too, if they also set it (SO_REUSEPORT)
  const ActingUser* user = nullptr;  ///< its rights count at a path (file_place.hpp); null: no other user's
};

/// Returns a listening socket, close-on-exec and blocking. A port of 0 selects a free one. Takes over a path
/// whose file was left and on which no process listens. Errors, with the errno: EADDRINUSE, EACCES and others
/// of bind(2).
Result<Fd> open_listener(const ListenAddress& address, const ListenOptions& options = {});

/// Returns whether this is a socket that listens at that address.
bool listens_at(int socket, const ListenAddress& address);

/// Returns the inode of a socket (/proc/PID/fd names it so); 0 if it is not a socket.
std::uint64_t socket_inode(int socket);

}  // namespace keeper
